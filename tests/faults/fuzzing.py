"""Sends random requests and frames, valid or mutated. Each sending function describes any fault that it finds."""

import base64
import http.client
import random
import secrets
import socket
import struct
import time
from contextlib import suppress

from tests.live.callers.clients import AUTH_PATH
from tests.support.raw_http import RawAnswer, answers_in

PATIENCE = 30  # seconds; a busy machine needs this long
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PROBE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
QUIET = 5.0  # seconds; longer than the server lets a request take to arrive
STUCK = b"(nothing more)"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PATHS = (AUTH_PATH, "/healthz", "/nowhere", "/api/v1/outlets", "/", "/admin/login/", "/api/v1/nowhere?a=%20b", "//x")
TOKENS = ("h2c", "websocket", "TLS/1.0", "h2c, websocket", "x")
CLOSE = "Connection: close\r\n"


def send_requests(rng: random.Random, port: int, way: str) -> str:
    """Send whole requests, together or in pieces; each must get one answer."""
    made = [_request(rng, is_last=False) for _ in range(rng.randrange(4))]
    made.append(_request(rng, is_last=True))
    data, methods = b"".join(each for each, _ in made), tuple(method for _, method in made)
    received = _exchange(rng, port, data, PATIENCE)
    try:
        answers = answers_in(received, methods=methods)
    except Exception as error:  # noqa: BLE001
        return f"{way}: unreadable answer ({error!r}) to {data!r}: {received!r}"
    return _fault_of(answers, len(made), data, is_proxied=bool(way))


def _fault_of(answers: list[RawAnswer], expected: int, data: bytes, *, is_proxied: bool) -> str:
    statuses = [each.status for each in answers]
    if [status for status in statuses if status >= 500]:
        return f"{statuses} to {data!r}"
    # A proxy may close before it has answered every request; its last answer then has `Connection: close`.
    is_ended = is_proxied and answers and answers[-1].headers.get("connection") == "close"
    if len(answers) != expected and not (is_ended and len(answers) < expected):
        return f"{len(answers)} answers {statuses} to {expected} requests {data!r}"
    return ""


def send_mutated(rng: random.Random, port: int, way: str) -> str:
    """Send whole requests and then a mutated one; each whole one must be answered, and the connection must end."""
    made = [_request(rng, is_last=False) for _ in range(rng.randrange(3))]
    last = (
        _mutated(rng, _request(rng, is_last=True)[0]) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 3000))
    )
    data, methods = b"".join(each for each, _ in made) + last, tuple(method for _, method in made)
    received = _exchange(rng, port, data, 1.0 if way else QUIET, probe=b"" if way else PROBE)
    if received.endswith(STUCK):
        return f"the connection stayed open, and nothing answers, after {data!r}"
    try:
        answers = answers_in(received, methods=methods)
    except Exception:  # noqa: BLE001  (which method the mutated one has, only the server knows)
        return ""
    statuses = [each.status for each in answers]
    # 501 and 505 are valid refusals of the mutated request, and so is Caddy's 502: Caddy sends it if it notices the
    # error only while it reads the body.
    faults = (500, 503, 504) if way == "caddy" else (500, 502, 503, 504)
    if [status for status in statuses if status in faults]:
        return f"{way}: {statuses} to {data!r}"
    is_ended = way and answers and answers[-1].headers.get("connection") == "close"
    if len(answers) < len(made) and not is_ended:
        return f"{way}: {statuses} to {len(made)} whole requests and one more: {data!r}: {received!r}"
    return ""


def ask_by_name(rng: random.Random, port: int) -> str:
    """Send requests on one connection during the fuzzing; each must get its own answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        for _ in range(rng.randrange(1, 5)):
            name = f"call-{rng.randrange(10**12)}"
            connection.request("GET", "/api/v1/outlets", headers={"X-Request-ID": name})
            answer = connection.getresponse()
            answer.read()
            if (answer.status, answer.getheader("X-Request-ID")) != (401, name):
                return f"{name} got {answer.status} of {answer.getheader('X-Request-ID')}"
    except (OSError, http.client.HTTPException) as error:
        return f"a caller among the others: {error!r}"
    finally:
        connection.close()
    return ""


def send_frames(rng: random.Random, port: int, token: str) -> str:
    """Open a websocket, and send frames that are random or nearly valid."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = (
        f"GET /?token={token if rng.random() < 0.8 else 'x'} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as caller, suppress(OSError):
        caller.sendall(head.encode())
        answer = caller.recv(4096)
        status = int(answer.split()[1]) if answer else 0
        if status not in (101, 401, 503):
            return f"a handshake got {answer!r}"
        for _ in range(rng.randrange(6) if status == 101 else 0):
            caller.sendall(_frame(rng))
    return ""


def _exchange(rng: random.Random, port: int, data: bytes, patience: float, probe: bytes = b"") -> bytes:
    """Send `data` in pieces; return all data received until the connection ends or is silent for `patience` s.

    After such a silence, send `probe` too. The result ends with STUCK if the probe gets no answer either.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as caller:
        with suppress(OSError):
            for piece in _pieces(rng, data):
                caller.sendall(piece)
                time.sleep(rng.choice((0, 0, 0.001, 0.01)))
        caller.settimeout(patience)
        try:
            while part := caller.recv(65536):
                received += part
        except TimeoutError:
            received += _probed(caller, probe) if probe else b""
        except OSError:
            pass
    return received


def _probed(caller: socket.socket, probe: bytes) -> bytes:
    """Send the probe; return all data received until the connection ends, or STUCK after PATIENCE silent seconds."""
    received = b""
    caller.settimeout(PATIENCE)
    try:
        caller.sendall(probe)
        while part := caller.recv(65536):
            received += part
    except TimeoutError:
        return STUCK
    except OSError:
        pass
    return received


def _pieces(rng: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if begin < end]


def _request(rng: random.Random, *, is_last: bool) -> tuple[bytes, str]:
    """Return a whole request and its method. The last request asks the server to close the connection."""
    method, lines = rng.choice(METHODS), "Host: 127.0.0.1\r\n"
    if is_last:
        lines += CLOSE
    elif rng.random() < 0.4:
        tokens = [token for token in TOKENS if method != "GET" or "websocket" not in token]
        lines += f"Connection: Upgrade\r\nUpgrade: {rng.choice(tokens)}\r\n"
    for _ in range(rng.randrange(4)):
        lines += f"X-{rng.randrange(1000)}: {'x' * rng.choice((1, 10, 1000, 7000))}\r\n"
    head, body = _body(rng)
    return f"{method} {rng.choice(PATHS)} HTTP/1.1\r\n{lines}{head}\r\n".encode() + body, method


def _body(rng: random.Random) -> tuple[str, bytes]:
    content = rng.choice((b"", HIDDEN, HIDDEN * 3, b"{}", rng.randbytes(rng.randrange(3000)), b"x" * 15_000))
    match rng.randrange(3):
        case 0:
            return "", b""
        case 1:
            return f"Content-Length: {len(content)}\r\n", content
        case _:
            size = rng.randrange(1, 5000)
            parts = [content[begin : begin + size] for begin in range(0, len(content), size)]
            chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(part), rng.choice((b"", b";a=b")), part) for part in parts)
            return "Transfer-Encoding: chunked\r\n", chunks + b"0\r\n" + rng.choice(
                (b"", b"X-Trailer: x\r\n")
            ) + b"\r\n"


def _mutated(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.randrange(1, 40))
        data = rng.choice(
            (
                data[:at] + rng.randbytes(rng.randrange(1, 4)) + data[until:],
                data[:at] + rng.choice(MORE) + data[at:],
                data[:until] + data[at:],
                data[:at] + data[until:],
                data[:until] or b"G",
                data.replace(b"HTTP/1.1", rng.choice(VERSIONS), 1),
                data.replace(b"\r\n", rng.choice(ENDS), rng.randrange(1, 5)),
            )
        )
    return data or b"\r"


MORE = (
    b"\r\n",
    b"\0",
    b"\r\nContent-Length: 5\r\n",
    b"\r\nTransfer-Encoding: chunked\r\n",
    b"\r\nTransfer-Encoding: x\r\n",
    b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
    b"\r\nExpect: 100-continue\r\n",
    b"\r\nHost: other\r\n",
    b"\r\nHost: a b\r\n",
    b"\r\nX: " + b"x" * 70_000,
    b"\r\nX: x" * 150,
    b"/" + b"x" * 9_000,
    b"\r\n\r\n",
    b"\xff\xfe",
)
VERSIONS = (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", b"RTSP/1.0", b"")
ENDS = (b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\r\r\n", b"")


def _frame(rng: random.Random) -> bytes:
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(1, 200))
    payload = rng.choice((b"", b"{}", b'{"RequestID": "none"}', rng.randbytes(rng.randrange(300)), b"x" * 70_000))
    first = rng.choice((0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80, 0x00, rng.randrange(256)))
    is_masked = rng.random() < 0.9
    mask = 0x80 if is_masked else 0
    claimed = len(payload) if rng.random() < 0.9 else rng.choice((0, 10, 2**16, 2**40, 2**63))
    if claimed < 126:
        length = bytes([mask | claimed])
    elif claimed < 2**16:
        length = bytes([mask | 126]) + struct.pack("!H", claimed)
    else:
        length = bytes([mask | 127]) + struct.pack("!Q", claimed)
    key = rng.randbytes(4) if is_masked else b""
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload)) if is_masked else payload
    return bytes([first]) + length + key + masked
