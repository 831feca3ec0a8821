"""Measure whether the time of a refused authentication reveals which outlets exist, or the number of rotations.

.venv/bin/python benchmarks/timing.py [--attempts 2000] [--json FILE]

The same wrong secret is sent, in random order, for an outlet that does not exist, one that exists, one whose secret was
rotated five times, and one with an adopted secret. One caller uses one connection, so only the server's work differs.
The table shows the median of each kind, its difference from that of the existing outlet, and the noise: the difference
between the medians of two halves of the same kind.
"""

import argparse
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from storming import outlets, programs
from storming.outlets import Claim
from storming.processes import Cores, free_port

ROTATIONS = 5
# Attempts of each kind that are not measured. They fill caches, and after them the portal records only a sample of
# the refusals.
WARM_UP = 100
KNOWN = "an outlet that exists"


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outlets.configure(folder, free_port())
        os.environ |= {"AUTH_FAILURES_PER_OUTLET": "1000000", "AUTH_FAILURES_PER_ADDRESS": "1000000"}
        outlets.manage("migrate", "--verbosity", "0")
        claims = made_claims(folder)
        with programs.running(programs.PORTAL, folder, Cores.of_this_machine(1)) as server:
            times = measured(server.port, claims, options.attempts)
    print(table(times))
    if options.json:
        options.json.write_text(json.dumps(times))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def made_claims(folder: Path) -> dict[str, Claim]:
    known, rotated, other = outlets.enable(folder, 3)
    (adopted,) = outlets.enable(folder, 1, adopted=True)
    for _ in range(ROTATIONS):
        outlets.manage("rotate_secret", rotated["ProviderOutletID"], "--overlap", "0")
    kinds = {
        KNOWN: known,
        "one that does not exist": known | {"ProviderOutletID": "00000000-0000-4000-8000-000000000000"},
        f"one with {ROTATIONS} replaced secrets": rotated,
        "one with an adopted secret": adopted,
    }
    return {kind: claim | {"AuthSecret": other["AuthSecret"]} for kind, claim in kinds.items()}


def measured(port: int, claims: dict[str, Claim], attempts: int) -> dict[str, list[float]]:
    """Return the seconds of each attempt, by kind. Each round makes one attempt of each kind, in a new random order."""
    times: dict[str, list[float]] = {kind: [] for kind in claims}
    messages = {kind: message_of(claim) for kind, claim in claims.items()}
    order = list(claims)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(WARM_UP + attempts):
            random.shuffle(order)
            for kind in order:
                times[kind].append(time_of(connection, messages[kind]))
    return {kind: each[WARM_UP:] for kind, each in times.items()}


def message_of(claim: Claim) -> bytes:
    body = json.dumps(claim).encode()
    return b"POST /api/powerepos/v1/auth HTTP/1.1\r\nHost: portal\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def time_of(connection: socket.socket, message: bytes) -> float:
    began = time.perf_counter()
    connection.sendall(message)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65_536) or sys.exit("the server closed the connection")
    took = time.perf_counter() - began
    if b" 401 " not in answer[:20]:
        sys.exit(f"expected 401: {answer[:200]!r}")
    return took


def table(times: dict[str, list[float]]) -> str:
    known = statistics.median(times[KNOWN])
    lines = [f"{'':38}{'median':>10}{'difference':>12}{'noise':>8}   (microseconds)"]
    for kind, each in times.items():
        median = statistics.median(each)
        noise = abs(statistics.median(each[::2]) - statistics.median(each[1::2]))
        lines.append(f"{kind:38}{median * 1e6:10.1f}{(median - known) * 1e6:+12.1f}{noise * 1e6:8.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
