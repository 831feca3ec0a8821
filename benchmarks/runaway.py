"""Measure how long the calls of one API key take, with and without another key that sends as many as it can.

.venv/bin/python benchmarks/runaway.py [--seconds 10] [--connections 32] [--rounds 3]

The flood is a separate process with its own API key. The measured caller sends GET /api/v1/api-key at a fixed pace.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from callers import Figures
from relay import configure, started, wait_for

PROJECT = Path(__file__).resolve().parents[1]
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
EVERY = 0.02  # seconds between two measured calls
DEFAULT_LIMIT = {"API_CALLS_PER_SECOND": "100", "API_CALLS_BURST": "200"}
NO_LIMIT = {"API_CALLS_PER_SECOND": "100000", "API_CALLS_BURST": "100000"}


CASES = (
    ("silent (control)", DEFAULT_LIMIT, False),
    ("floods, limited", DEFAULT_LIMIT, True),
    ("floods, without a limit", NO_LIMIT, True),
)


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "flood":
        asyncio.run(flood(int(sys.argv[2]), os.environ["RUNAWAY_KEY"], int(sys.argv[3])))
        return
    options = read_options()
    print("| Other key | Its calls a second | Refused | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: | ---: |")
    for name, limit, is_flooded in CASES:
        rounds = [measure_round(options, limit, is_flooded=is_flooded) for _ in range(options.rounds)]
        figures = Figures.median([each for each, _, _ in rounds])
        calls, refused = (sum(each) / options.rounds / options.seconds for each in list(zip(*rounds, strict=True))[1:])
        print(f"| {name} | {calls:,.0f} | {refused:,.0f} | {figures.p50:.1f} | {figures.p99:.1f} |", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(database_url="", redis_url="")
    return parser.parse_args()


def measure_round(options: argparse.Namespace, limit: dict[str, str], *, is_flooded: bool) -> tuple[Figures, int, int]:
    """Start a server; return the measured key's figures, and the flood's numbers of calls and refusals."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port = free_port()
        configure(Path(folder), port, options)
        os.environ |= limit
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], check=True)
        measured, os.environ["RUNAWAY_KEY"] = new_key("measured"), new_key("runaway")
        stack.enter_context(started(*MANAGE, "serve", "--port", str(port)))
        wait_for(port)
        flooding = begin_flood(port, options.connections) if is_flooded else None
        figures = asyncio.run(pace(port, measured, options.seconds))
        sent, refused = map(int, flooding.communicate("\n")[0].split()) if flooding else (0, 0)
    return figures, sent, refused


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def new_key(name: str) -> str:
    command = [*MANAGE, "create_api_key", name, "--format", "json"]
    key: str = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Key"]
    return key


def begin_flood(port: int, connections: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "flood", str(port), str(connections)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def pace(port: int, key: str, seconds: float) -> Figures:
    """Return the figures of calls on one connection, with one call due every 20 ms (`EVERY`).

    A call waits for the answer to the previous one. Its latency is counted from the moment when it was due.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(1)  # until the flood has begun and has used up its burst
    latencies = []
    began = due = time.perf_counter()
    while due < began + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if (status := await call(reader, writer, key)) != 200:
            raise RuntimeError(f"the measured call was answered with {status}")
        latencies.append(time.perf_counter() - due)
        due += EVERY
    writer.close()
    return Figures.of(latencies, time.perf_counter() - began)


async def flood(port: int, key: str, connections: int) -> None:
    """Send calls until a line arrives on standard input; print how many were sent, and how many were refused."""
    counts = {200: 0, 429: 0}
    tasks = [asyncio.create_task(repeat(port, key, counts)) for _ in range(connections)]
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    print(sum(counts.values()), counts[429])


async def repeat(port: int, key: str, counts: dict[int, int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        counts[await call(reader, writer, key)] += 1


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> int:
    """Send GET /api/v1/api-key and return the status of the answer."""
    writer.write(f"GET /api/v1/api-key HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split()[1])


if __name__ == "__main__":
    main()
