"""Third-party clients: httpx2, websockets, Node's ws, curl, and a bare socket that never answers."""

import base64
import json
import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websockets_connect
from websockets.typing import Origin

from tests.live.stack.binaries import give_up, need
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import PATIENCE
from tests.support.project import PROJECT

AUTH_PATH = "/api/powerepos/v1/auth"
NODE_FOLDER = PROJECT / "tests" / "clients"
ABNORMAL = 1006
TOKEN_IN_URL = re.compile(r"\btoken=([^&]+)")


def request(stack: Stack, method: str, path: str, **options: object) -> httpx2.Response:
    """Send one HTTP request on a new connection, through no proxy and following no redirect."""
    with httpx2.Client(trust_env=False, verify=False, timeout=30, base_url=stack.base_url) as client:
        return client.request(method, path, **options)  # type: ignore[arg-type]


def post_auth(stack: Stack, body: object, **options: object) -> httpx2.Response:
    """POST any body to the auth endpoint: bytes unchanged, anything else as JSON."""
    if isinstance(body, bytes):
        return request(stack, "POST", AUTH_PATH, content=body, **options)
    if isinstance(body, Mapping):
        LEDGER.remember(body.get("AuthSecret"))
    return request(stack, "POST", AUTH_PATH, json=body, **options)


def authenticate(
    stack: Stack, credentials: Credentials, *, headers: Mapping[str, str] | None = None, **changes: object
) -> httpx2.Response:
    """Ask for a token with the outlet's credentials; `changes` overrides fields, for example AuthSecret."""
    answer = post_auth(stack, credentials.as_request() | changes, headers=headers)
    LEDGER.remember(_token_in(answer))
    return answer


def token_for(stack: Stack, credentials: Credentials) -> str:
    """Authenticate with these credentials and return the token; raise AssertionError if the portal refuses."""
    answer = authenticate(stack, credentials)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["AccessToken"]
    return token


class Pos:
    """An open websocket of the `websockets` library, which answers pings automatically."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, message: str | bytes) -> None:
        self._connection.send(message)

    def send_in_parts(self, message: str, size: int) -> None:
        """Send one message in fragments of this many characters."""
        self._connection.send(message[start : start + size] for start in range(0, len(message), size))

    def recv(self, timeout: float = 10) -> str | bytes:
        return self._connection.recv(timeout)

    def wait_closed(self, timeout: float = 10) -> tuple[int, str]:
        """Return the server's close code and reason; 1006 if the connection ended without a close frame.

        Raises TimeoutError after `timeout` seconds times PATIENCE, the factor for a busy machine (see `eventually`).
        """
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            try:
                self._connection.recv(max(0.0, deadline - time.monotonic()))
            except ConnectionClosed as closed:
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (ABNORMAL, "")

    def is_closed(self) -> bool:
        """Return whether this side has noticed the end of the connection."""
        return self._connection.state is State.CLOSED

    def is_open(self) -> bool:
        """Return whether the server answers a ping within 10 s."""
        try:
            return self._connection.ping().wait(10)
        except ConnectionClosed:
            return False


@contextmanager
def connect(
    stack: Stack,
    token: str | None = None,
    *,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Iterator[Pos]:
    """Open the websocket with the token in the query, and close it at the end of the block."""
    address = url or (f"{stack.ws_url}?token={token}" if token is not None else stack.ws_url)
    LEDGER.remember(*TOKEN_IN_URL.findall(address))
    with websockets_connect(
        address,
        additional_headers=dict(headers or {}),
        origin=Origin(origin) if origin else None,
        proxy=None,
        ping_interval=None,
        open_timeout=20,
        close_timeout=5,
        legacy=True,
    ) as connection:
        yield Pos(connection)


@dataclass(frozen=True)
class Refusal:
    """The server's answer to a refused handshake."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def error_message(self) -> str:
        message: str = json.loads(self.body)["ErrorMessage"]
        return message


def handshake_refusal(
    stack: Stack,
    token: str | None = None,
    *,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Refusal:
    """The refusal of a handshake; raises AssertionError when the websocket opens."""
    try:
        with connect(stack, token, url=url, headers=headers, origin=origin):
            raise AssertionError("the websocket opened")
    except InvalidStatus as refused:
        answer = refused.response
        body = bytes(answer.body or b"").decode()
        return Refusal(answer.status_code, body, dict(answer.headers.raw_items()))


@contextmanager
def connect_unresponsive(stack: Stack, token: str) -> Iterator[socket.socket]:
    """A websocket on a bare socket that never answers a ping, like a till that has lost power."""
    LEDGER.remember(token)
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as bare:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = (
            f"GET /?token={token} HTTP/1.1",
            f"Host: {urlsplit(stack.base_url).netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
        bare.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        # Read byte by byte, because the first frame may follow the answer directly.
        while not answer.endswith(b"\r\n\r\n") and (byte := bare.recv(1)):
            answer += byte
        assert answer.startswith(b"HTTP/1.1 101"), answer
        yield bare


class NodePos:
    """A websocket client in a separate process, which runs Node's `ws`. `connect_with_node` starts it and kills it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def event(self) -> dict[str, object]:
        """Wait for the client's next event (open, message, refused, error or close), and return it."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the Node client ended without a word"
        event: dict[str, object] = json.loads(line)
        return event

    def send(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()


@contextmanager
def connect_with_node(url: str, *subprotocols: str) -> Iterator[NodePos]:
    """Open a websocket with Node's `ws`; its process ends after 60 s at the latest."""
    node_packages()
    command = [need("node"), str(NODE_FOLDER / "connect.mjs"), url, *subprotocols]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_without_proxies()
    ) as process:
        try:
            yield NodePos(process)
        finally:
            process.kill()


def curl(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run curl for at most 20 s, without a proxy; the caller checks the exit status."""
    command = [need("curl"), "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=30, env=_without_proxies()
    )


@cache
def node_packages() -> Path:
    """Return the folder of the Node packages that tests/clients requires; install them if any is missing."""
    folder = NODE_FOLDER / "node_modules"
    wanted = json.loads((NODE_FOLDER / "package.json").read_text())["dependencies"]
    if not all((folder / name).is_dir() for name in wanted):
        _install_node_packages()
    return folder


def _install_node_packages() -> None:
    done = subprocess.run(
        [need("npm"), "ci", "--ignore-scripts"],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        give_up(f"npm could not install the packages of tests/clients: {done.stderr.strip()[-300:]}")


def _without_proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _token_in(answer: httpx2.Response) -> object:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("AccessToken") if isinstance(body, dict) else None
