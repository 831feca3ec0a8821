"""Measure how long requests to one POS take while another POS does not answer and many callers wait for it.

.venv/bin/python benchmarks/unresponsive_pos.py [--waiting 0,64,512] [--callers 4] [--seconds 4] [--rounds 3]

One server on a temporary SQLite file serves all cases in turn. The POS of the measured outlet answers at once. In each
case, another outlet has a POS that never answers, and `waiting` callers have sent it one request each. All requests are
durable.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop
from callers import Figures, http_request, measure
from echoing_pos import open_socket
from relay import PAYLOAD, PROJECT, configure, connect_poses, free_port, make_outlets, started, token_of, wait_for

QUEUED_AFTER = 1.0  # seconds to wait until the requests to the unresponsive POS are stored


def main() -> None:
    options = read_options()
    counts = [int(each) for each in options.waiting.split(",")]
    results: dict[int, list[Figures]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port = free_port()
        configure(Path(folder), port, options)
        (answering, *unresponsive), key = make_outlets(1 + options.rounds * len(counts))
        stack.enter_context(started(sys.executable, str(PROJECT / "manage.py"), "serve", "--port", str(port)))
        wait_for(port)
        connect_poses([address_of(answering, port)], stack)
        request = request_of(answering, key, timeout=10)
        for _ in range(options.rounds):
            for count in counts:
                case = measure_beside(unresponsive.pop(), count, port, key, request, options)
                results[count].append(uvloop.run(case))
    print_table(results)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", default="0,64,512")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(database_url="", redis_url="")
    return parser.parse_args()


async def measure_beside(
    unresponsive: dict[str, str], count: int, port: int, key: str, request: bytes, options: argparse.Namespace
) -> Figures:
    """Return the figures of the answering POS's callers while `count` callers wait for the unresponsive POS."""
    pos = await open_socket(address_of(unresponsive, port))
    timeout = int(QUEUED_AFTER + options.seconds) + 2
    waiting = [asyncio.create_task(ask(port, request_of(unresponsive, key, timeout=timeout))) for _ in range(count)]
    await asyncio.sleep(QUEUED_AFTER)
    figures = await measure(port, [request], options.callers, options.seconds)
    if any(each.done() for each in waiting):
        sys.exit("a request to the unresponsive POS has ended")
    await asyncio.gather(*waiting)
    await pos.close()
    return figures


async def ask(port: int, request: bytes) -> None:
    """Send a request and wait for the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await reader.readline()
    writer.close()


def address_of(handover: dict[str, str], port: int) -> str:
    return f"ws://127.0.0.1:{port}/?token={token_of(handover)}"


def request_of(handover: dict[str, str], key: str, *, timeout: int) -> bytes:
    order = {"message_type": 1, "device_id": "kiosk-1", "payload": PAYLOAD, "timeout": timeout}
    path = f"/api/v1/outlets/{handover['ProviderOutletID']}/requests"
    return http_request(path, json.dumps(order).encode(), f"Authorization: Bearer {key}\r\n")


def print_table(results: dict[int, list[Figures]]) -> None:
    print("| Callers that wait for the unresponsive POS | A second | p50 ms | p99 ms | Longest ms |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for count, rounds in results.items():
        median = Figures.median(rounds)
        print(f"| {count} | {median.rate:,.0f} | {median.p50:.2f} | {median.p99:.2f} | {median.longest:.2f} |")


if __name__ == "__main__":
    main()
