"""Parses the HTTP responses in the bytes that a connection received."""

import http.client
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """One HTTP response; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Bytes:
    """A stand-in for a socket that http.client can read."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def makefile(self, *_args: object) -> io.BufferedReader:
        return self._stream


def answers_in(received: bytes, *, methods: tuple[str, ...] = ()) -> list[RawAnswer]:
    """Return the responses in these bytes, without `100 Continue`. Raises http.client's errors for any other bytes.

    `methods` are the requests' methods, needed because a response to HEAD has no body. Missing ones count as GET.
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
    """A stream that stays open after http.client has read one response from it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def __getattribute__(self, name: str) -> object:
        if name in ("close", "_stream"):
            return (lambda: None) if name == "close" else object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_stream"), name)
