"""Measure the time from the call of script/server to its first answer, on a checkout that is already set up.

Run it with the checkout's own Python: .venv/bin/python benchmarks/startup.py [--starts 7]. It uses a temporary
data folder; the first start, which creates the database, is not counted.
"""

import argparse
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.005
LIMIT_SECONDS = 60


def main() -> None:
    starts = read_starts()
    bare = statistics.median(time_interpreter() for _ in range(starts))
    with tempfile.TemporaryDirectory() as data_dir:
        time_server(data_dir)
        times = [time_server(data_dir) - bare for _ in range(starts)]
    print(f"interpreter alone: {bare:.3f} s (subtracted below)")
    spread = f"{min(times):.3f} to {max(times):.3f} s"
    print(f"up after: median {statistics.median(times):.3f} s of {starts} starts, {spread}")


def read_starts() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7)
    starts: int = parser.parse_args().starts
    return starts


def time_interpreter() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return time.perf_counter() - began


def time_server(data_dir: str) -> float:
    """Return the seconds from the call of script/server until /healthz answers 200."""
    port = free_port()
    began = time.perf_counter()
    server = subprocess.Popen(
        [PROJECT / "script" / "server", "--port", str(port), "--data-dir", data_dir],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"SECRET_KEY": secrets.token_urlsafe(64)},
    )
    try:
        wait_until_up(server, port)
        return time.perf_counter() - began
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_until_up(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not is_up(port):
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit("script/server did not come up: run it by hand to see why.")
        time.sleep(POLL_SECONDS)


def is_up(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
