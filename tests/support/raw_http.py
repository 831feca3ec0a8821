"""HTTP as bytes: what a client sends, and the answers that it gets until the connection ends or stays quiet."""

import http.client
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """One answer on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Bytes:
    """What http.client reads an answer from."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def makefile(self, *_args: object) -> io.BufferedReader:
        return self._stream


def answers_in(received: bytes, *, methods: tuple[str, ...] = ()) -> list[RawAnswer]:
    """Return the answers in these bytes, without any interim one; raises for bytes that are none.

    `methods` are those of the first requests, where it matters: the answer to a HEAD has no body.
    """
    stream = io.BufferedReader(io.BytesIO(received))
    found: list[RawAnswer] = []
    while stream.peek(1):
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        answer = http.client.HTTPResponse(_Bytes(_Kept(stream)), method=method)  # type: ignore[arg-type]
        answer.begin()
        if answer.status != 100:
            headers = {name.lower(): value for name, value in answer.getheaders()}
            found.append(RawAnswer(answer.status, headers, answer.read()))
    return found


class _Kept(io.BufferedReader):
    """A stream that stays open when http.client has read one answer from it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def __getattribute__(self, name: str) -> object:
        if name in ("close", "_stream"):
            return (lambda: None) if name == "close" else object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_stream"), name)
