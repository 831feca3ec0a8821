"""An ASGI client that calls the whole portal in this process, without a server."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

from integrations.wire.asgi_types import App
from portal.asgi import application
from tests.support.in_process import LIMIT

AUTH_PATH = "/api/powerepos/v1/auth"
POS_ADDRESS = "198.51.100.7"
ON_UVICORN: dict[str, Any] = {"websocket.http.response": {}}
ON_DAPHNE: dict[str, Any] = {}


@dataclass(frozen=True)
class Answer:
    """A complete HTTP response; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Run:
    """One call of the application, with its ASGI scope. The test sends and receives events while the call runs.

    Leaving the `async with` block cancels the call.
    """

    scope: dict[str, Any]
    app: App = field(default=application)

    async def __aenter__(self) -> Self:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.ensure_future(self.app(self.scope, self._inbox.get, self._outbox.put))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._task.cancel()
        (ended,) = await asyncio.gather(self._task, return_exceptions=True)
        if kind is None and isinstance(ended, Exception):
            raise ended

    def send(self, event: Mapping[str, Any]) -> None:
        self._inbox.put_nowait(dict(event))

    async def next(self) -> dict[str, Any]:
        """Return the portal's next event. Raises AssertionError if the portal ends, or sends none for LIMIT seconds."""
        coming = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait({coming, self._task}, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done() and self._outbox.empty():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            raise AssertionError(f"the portal sent no further event: {self._task}")
        return await coming

    async def ended(self) -> None:
        """Wait until the application has returned; raise its exception if there is one."""
        await asyncio.wait_for(asyncio.shield(self._task), LIMIT)

    def has_more(self) -> bool:
        return not self._outbox.empty()


async def request(
    method: str,
    path: str,
    chunks: Iterable[bytes] = (b"",),
    *,
    headers: Mapping[str, str] | None = None,
    client: str = POS_ADDRESS,
    app: App = application,
) -> Answer:
    """Send one HTTP request, with its body in chunks, and return the answer."""
    parts = list(chunks)
    async with Run(http_scope(method, path, headers, client), app) as run:
        for position, part in enumerate(parts, start=1):
            run.send({"type": "http.request", "body": part, "more_body": position < len(parts)})
        start = await run.next()
        body = await _read_body(run)
        run.send({"type": "http.disconnect"})
        await run.ended()
    names = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], names, body)


async def authenticate(content: Any, **kwargs: Any) -> Answer:
    """Post JSON (or bytes, unchanged) to the auth endpoint."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await request("POST", AUTH_PATH, [body], **({"headers": {"content-type": "application/json"}} | kwargs))


class PosSocket(Run):
    """A POS's websocket."""

    def __init__(
        self,
        token: str | None = None,
        *,
        path: str = "/",
        query: str | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = POS_ADDRESS,
        extensions: Mapping[str, Any] = ON_UVICORN,
    ) -> None:
        if query is None:
            query = "" if token is None else f"token={quote(token)}"
        self.query = query  # kept here, because the portal empties the scope of an open websocket
        scope = _scope("websocket", path, headers or {}, client)
        super().__init__(scope | {"query_string": query.encode(), "subprotocols": [], "extensions": extensions})

    async def connect(self) -> None:
        """Open the socket. Raises AssertionError if the portal does not accept it."""
        self.send({"type": "websocket.connect"})
        answer = await self.next()
        assert answer["type"] == "websocket.accept", answer

    async def refusal(self) -> Answer:
        """Ask the portal to open the socket, and return the HTTP response that refuses this."""
        self.send({"type": "websocket.connect"})
        start = await self.next()
        assert start["type"] == "websocket.http.response.start", start
        body = (await self.next())["body"]
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, body)

    def send_text(self, text: str) -> None:
        self.send({"type": "websocket.receive", "text": text})

    def send_bytes(self, content: bytes) -> None:
        self.send({"type": "websocket.receive", "bytes": content})

    async def disconnect(self, code: int = 1000, **event: Any) -> None:
        """Disconnect, and wait until the application has returned."""
        self.send({"type": "websocket.disconnect", "code": code, **event})
        await self.ended()

    async def closed(self) -> tuple[int, str]:
        """Return the code and reason of the portal's close, and answer the close as a peer does."""
        event = await self.next()
        assert event["type"] == "websocket.close", event
        await self.disconnect(event["code"], reason=event["reason"])
        return event["code"], event["reason"]


async def _read_body(run: Run) -> bytes:
    body = bytearray()
    while True:
        event = await run.next()
        body += event.get("body", b"")
        if not event.get("more_body"):
            return bytes(body)


def http_scope(
    method: str, path: str, headers: Mapping[str, str] | None = None, client: str = POS_ADDRESS
) -> dict[str, Any]:
    """Return the scope of one HTTP request."""
    path, _, query = path.partition("?")
    return _scope("http", path, headers or {}, client) | {"method": method, "query_string": query.encode()}


def _scope(kind: str, path: str, headers: Mapping[str, str], client: str) -> dict[str, Any]:
    named = {"host": "127.0.0.1:8000"} | {name.lower(): value for name, value in headers.items()}
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()],
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8000),
    }
