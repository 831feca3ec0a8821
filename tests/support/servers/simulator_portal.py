"""A fake portal for tests of the simulated POS: issues tokens and accepts sockets, or answers from a script."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from integrations.simulator import Credentials

SECRET = "ONPS-SECRET-OF-THE-TESTS"
TOKEN = "token-of-the-tests"
LIMIT = 30.0


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, message: str, **headers: str) -> HttpAnswer:
    """Return an error response. Write header names with underscores: `Retry_After="7"`."""
    body = json.dumps({"ErrorMessage": message}).encode()
    return HttpAnswer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


TOKEN_ANSWER = HttpAnswer(200, json.dumps({"AccessToken": TOKEN}).encode())


class FakePortal:
    """Gives the answers in `auth_script` and `handshake_script` in order; when none is left, accepts every POS."""

    def __init__(self) -> None:
        self.auth_script: deque[HttpAnswer] = deque()
        self.handshake_script: deque[HttpAnswer] = deque()
        self.auth_bodies: list[Any] = []
        self.websocket_paths: list[str] = []
        self._sockets: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._auth_server = await asyncio.start_server(self._answer_auth, "127.0.0.1", 0)
        self._socket_server: Server = await serve(
            self._keep_socket, "127.0.0.1", 0, process_request=self._judge_handshake, close_timeout=1
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._auth_server.close()
        await self._auth_server.wait_closed()
        self._socket_server.close()
        await self._socket_server.wait_closed()

    @property
    def credentials(self) -> Credentials:
        return Credentials.from_json(self.credentials_json)

    @property
    def credentials_json(self) -> str:
        return self.credentials_json_of(1)

    def json_lines(self, count: int) -> str:
        return "".join(f"{self.credentials_json_of(number)}\n" for number in range(1, count + 1))

    def credentials_json_of(self, number: int) -> str:
        return json.dumps(
            {
                "ProviderOutletID": f"outlet-{number}",
                "POSRemoteID": f"TestOrg-{number}",
                "AuthSecret": SECRET,
                "AuthURL": f"http://127.0.0.1:{_port(self._auth_server)}/api/powerepos/v1/auth",
                "WebsocketURL": f"ws://127.0.0.1:{_port(self._socket_server)}",
            }
        )

    async def next_socket(self) -> ServerConnection:
        return await asyncio.wait_for(self._sockets.get(), LIMIT)

    async def _keep_socket(self, socket: ServerConnection) -> None:
        await self._sockets.put(socket)
        await socket.wait_closed()

    def _judge_handshake(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.websocket_paths.append(request.path)
        if not self.handshake_script:
            return None
        return _handshake_response(self.handshake_script.popleft())

    async def _answer_auth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.auth_bodies.append(json.loads(await _read_body(reader)))
            writer.write(_http_bytes(self._next_auth_answer()))
            await writer.drain()
        writer.close()

    def _next_auth_answer(self) -> HttpAnswer:
        return self.auth_script.popleft() if self.auth_script else TOKEN_ANSWER


async def ask(socket: ServerConnection, frame: str | dict[str, Any]) -> Any:
    """Send one frame, and return the next answer, decoded from JSON."""
    await socket.send(frame if isinstance(frame, str) else json.dumps(frame))
    return json.loads(await asyncio.wait_for(socket.recv(), LIMIT))


async def within(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, LIMIT)


def _port(server: asyncio.Server | Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def _read_body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").casefold()
    length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
    return await reader.readexactly(int(length.partition(":")[2]))


def _http_bytes(answer: HttpAnswer) -> bytes:
    headers = {"Content-Length": str(len(answer.body)), "Connection": "close"} | answer.headers
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


def _handshake_response(answer: HttpAnswer) -> Response:
    headers = Headers({"Content-Length": str(len(answer.body))} | answer.headers)
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, answer.body)
