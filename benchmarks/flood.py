"""Measure how long /healthz takes, with and without one till that sends as much as it can.

.venv/bin/python benchmarks/flood.py [--seconds 10] [--only pings,texts]

The till is a separate process. It reconnects with the same token whenever the server closes its connection.
"""

import argparse
import base64
import http.client
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
PROBE_EVERY = 0.02  # seconds


def masked(content: bytes, first: int) -> bytes:
    """Return a client's frame with this first byte and a mask of zeros."""
    if len(content) < 126:
        return bytes([first, 0x80 | len(content), 0, 0, 0, 0]) + content
    return bytes([first, 0xFF]) + len(content).to_bytes(8, "big") + bytes(4) + content


LARGE = json.dumps({"RequestID": "none", "Rest": "x" * 1_000_000}).encode()


def filled(begin: str, unit: str, end: str) -> bytes:
    """Return a text frame of nearly 1 MiB that repeats a unit."""
    count = (1_000_000 - len(begin) - len(end)) // len(unit.encode())
    return masked((begin + unit * count + end).encode(), 0x81)


# For each kind: the bytes that the till sends once, and those that it repeats.
KINDS = {
    "pings": (b"", masked(b"", 0x89)),
    "full pings": (b"", masked(b"x" * 125, 0x89)),
    "pongs": (b"", masked(b"", 0x8A)),
    "empty continuations": (masked(b"{", 0x01), masked(b"", 0x00)),
    "fragments": (masked(b"{", 0x01), masked(b" ", 0x00)),
    "texts": (b"", masked(b"{}", 0x81)),
    "binary": (b"", masked(b"\0", 0x82)),
    "large texts": (b"", masked(LARGE, 0x81)),
    "deep texts": (b"", masked(b"[" * 1_000_000, 0x81)),
    "members": (b"", filled('{"RequestID": "x", ', '"":1,', '"ResultCode": 0}')),
    "lists": (b"", filled('{"RequestID": "x", "ResultCode": 0, "ErrorMessage": [', "[],", "0]}")),
    "long ids": (b"", filled('{"ResultCode": 0, "RequestID": "\u200b', " ", '"}')),
    "oversized": (b"", masked(b"x" * 2_000_000, 0x81)),
    "invalid": (b"", b"\xff" * 1024),
    "half a frame": (masked(LARGE, 0x81)[:500_000], b""),
}


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "till":
        till(int(sys.argv[2]), sys.argv[3], sys.argv[4])
        return
    options = read_options()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port, token = stack.enter_context(portal(Path(folder)))
        print("| One till sends | Probes | Median ms | Max ms |\n| --- | ---: | ---: | ---: |")
        report("nothing (control)", probe(port, options.seconds))
        for kind in options.only.split(",") if options.only else KINDS:
            with hostile(port, token, kind):
                report(kind, probe(port, options.seconds))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", default="")
    return parser.parse_args()


def report(name: str, times: Sequence[float]) -> None:
    print(f"| {name} | {len(times)} | {1000 * statistics.median(times):.1f} | {1000 * max(times):.0f} |", flush=True)


def probe(port: int, seconds: float) -> list[float]:
    """Call /healthz again and again for `seconds`; return how many seconds each call took."""
    times: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        times.append(time.monotonic() - began)
        time.sleep(PROBE_EVERY)
    return times


@contextmanager
def hostile(port: int, token: str, kind: str) -> Iterator[None]:
    command = [sys.executable, __file__, "till", str(port), token, kind]
    process = subprocess.Popen(command)
    try:
        time.sleep(0.5)
        yield
    finally:
        process.kill()
        process.wait()


def till(port: int, token: str, kind: str) -> None:
    """Connect and send endlessly."""
    beginning, unit = KINDS[kind]
    chunk = unit * max(1, 65_536 // len(unit)) if unit else b""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                shake_hands(connection, token)
                connection.sendall(beginning)
                while chunk or connection.recv(4096):
                    connection.sendall(chunk)
        except OSError:
            time.sleep(0.01)


def shake_hands(connection: socket.socket, token: str) -> None:
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    connection.sendall(
        f"GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    if not connection.recv(4096).startswith(b"HTTP/1.1 101"):
        raise ConnectionRefusedError("the handshake was refused")


@contextmanager
def portal(folder: Path) -> Iterator[tuple[int, str]]:
    """Start a server on a new database; yield its port and a token that is valid for the whole run."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    settings = {"SECRET_KEY": secrets.token_urlsafe(64), "DATA_DIR": str(folder), "REDIS_URL": ""}
    settings |= {"PUBLIC_URL": f"http://127.0.0.1:{port}", "POS_TOKEN_LIFETIME": "86400"}
    settings["DATABASE_URL"] = f"sqlite:///{folder / 'portal.sqlite3'}"
    environment = os.environ | settings
    manage = [sys.executable, str(PROJECT / "manage.py")]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=environment, check=True)
    names = ("--organisation", "Flood", "--outlet", "Flood", "--pos-remote-id", "Flood", "--format", "json")
    enabled = subprocess.run([*manage, "enable_outlet", *names], env=environment, check=True, capture_output=True)
    server = subprocess.Popen([*manage, "serve", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_up(port)
        yield port, get_token(port, json.loads(enabled.stdout))
    finally:
        server.kill()
        server.wait()


def wait_until_up(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("The server did not start.")


def get_token(port: int, outlet: dict[str, str]) -> str:
    values = {name: outlet[name] for name in ("ProviderOutletID", "POSRemoteID", "AuthSecret")}
    request = Request(f"http://127.0.0.1:{port}/api/powerepos/v1/auth", json.dumps(values).encode())
    with urlopen(request) as answer:  # noqa: S310
        token: str = json.load(answer)["AccessToken"]
    return token


if __name__ == "__main__":
    main()
