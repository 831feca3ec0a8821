"""Measure how many requests per second go from callers through the portal to POSes and back, and their latency.

.venv/bin/python benchmarks/relay.py [--outlets 16] [--callers 1,32,256] [--seconds 3] [--rounds 3]
                                     [--database-url URL] [--redis-url URL] [--peers]

One run measures in turn: a bare echo (the same hops through the same server, without the portal), requests that are not
durable, and durable ones. With --peers, it measures the relays of `benchmarks/peers/` as well, which always use SQLite.
For comparison, it measures how fast one connection inserts and updates rows in the same database. The database is a
temporary SQLite file. A database given by URL is migrated and filled, so use a disposable one.
"""

import argparse
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import uvloop
from callers import Figures, http_request, measure

PROJECT = Path(__file__).resolve().parents[1]
HERE = PROJECT / "benchmarks"
BARE, POLL, DURABLE, DATABASE = "bare echo", "not durable", "durable", "database alone"
PEERS = {
    "FastAPI": (sys.executable, str(HERE / "peers" / "fastapi_portal" / "relay.py")),
    "fastify": ("node", str(HERE / "peers" / "fastify_portal" / "relay.js")),
}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WARM_UP_SECONDS = 0.5
START_SECONDS = 30
PAYLOAD = {
    "ProviderOrderID": "web-20260301-17",
    "ServiceModeID": "5b0b9b1e-9df4-4b57-9c0c-6a0f6f0c8f4e",
    "ServiceModeEntityID": "7",
    "Products": [{"ProductType": 0, "Name": "Lemonade", "Quantity": 2, "Price": 3.5, "PLUIdentifier": "1001"}],
}

Results = dict[tuple[str, int], list[Figures]]


@dataclass(frozen=True)
class Target:
    """A server, and the requests to send to it: one for each outlet."""

    name: str
    port: int
    requests: Sequence[bytes]
    pid: int


def main() -> None:
    options = read_options()
    callers = [int(each) for each in options.callers.split(",")]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        targets = set_up(Path(folder), options, stack)
        results = run(targets, callers, options)
        print_table(results, callers)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outlets", type=int, default=16)
    parser.add_argument("--callers", default="1,32,256")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--redis-url", default="")
    parser.add_argument("--peers", action="store_true")
    return parser.parse_args()


def run(targets: Sequence[Target], callers: Sequence[int], options: argparse.Namespace) -> Results:
    """Return the figures of every round. The targets take turns, because other load then affects all equally."""
    results: Results = {}
    for target in targets:
        uvloop.run(measure(target.port, target.requests, max(callers), WARM_UP_SECONDS))
    for _ in range(options.rounds):
        for count in callers:
            for target in targets:
                results.setdefault((target.name, count), []).append(measure_target(target, count, options.seconds))
        results.setdefault((DATABASE, 1), []).append(measure_database(options.seconds))
    return results


def measure_target(target: Target, callers: int, seconds: float) -> Figures:
    """Measure a target, with the CPU time that its server used for each request."""
    before = cpu_seconds(target.pid)
    figures = uvloop.run(measure(target.port, target.requests, callers, seconds))
    return replace(figures, cpu=(cpu_seconds(target.pid) - before) / figures.count * 1000)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, as Linux counts it."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / TICKS_PER_SECOND


# --- The processes


def set_up(folder: Path, options: argparse.Namespace, stack: ExitStack) -> list[Target]:
    portal, bare = free_port(), free_port()
    configure(folder, portal, options)
    handovers, key = make_outlets(options.outlets)
    portal_pid = stack.enter_context(
        started(sys.executable, str(PROJECT / "manage.py"), "serve", "--port", str(portal))
    )
    bare_pid = stack.enter_context(started(sys.executable, str(HERE / "bare_echo.py"), str(bare)))
    wait_for(portal)
    wait_for(bare)
    addresses = [f"ws://127.0.0.1:{portal}/?token={token_of(each)}" for each in handovers]
    addresses += [f"ws://127.0.0.1:{bare}/{number}" for number in range(options.outlets)]
    connect_poses(addresses, stack)
    paths = [f"/{number}" for number in range(options.outlets)]
    return [
        Target(BARE, bare, [http_request(path, body(True)) for path in paths], bare_pid),
        Target(POLL, portal, [request_of(each, key, durable=False) for each in handovers], portal_pid),
        Target(DURABLE, portal, [request_of(each, key, durable=True) for each in handovers], portal_pid),
        *(target for name in PEERS if options.peers for target in set_up_peer(name, folder, paths, stack)),
    ]


def set_up_peer(name: str, folder: Path, paths: Sequence[str], stack: ExitStack) -> Iterator[Target]:
    """Start a peer with a database of its own, and yield its targets."""
    port = free_port()
    pid = stack.enter_context(started(*PEERS[name], str(folder / f"{name}.sqlite3"), str(port)))
    wait_for(port)
    connect_poses([f"ws://127.0.0.1:{port}{path}" for path in paths], stack)
    headers = "Authorization: Bearer benchmark\r\nContent-Type: application/json\r\n"
    for kind, durable in ((POLL, False), (DURABLE, True)):
        requests = [http_request(f"/outlets{path}/requests", body(durable), headers) for path in paths]
        yield Target(f"{name}, {kind}", port, requests, pid)


def configure(folder: Path, port: int, options: argparse.Namespace) -> None:
    """Set the environment of this process and its children."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(folder),
        "DATABASE_URL": options.database_url or f"sqlite:///{folder / 'portal.sqlite3'}",
        "REDIS_URL": options.redis_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LOG_LEVEL": "WARNING",
        "DRAIN_SECONDS": "0",
        "API_CALLS_PER_SECOND": "100000",
        "API_CALLS_BURST": "100000",
    }


def make_outlets(count: int) -> tuple[list[dict[str, str]], str]:
    """Create outlets; return the credentials of each POS, and an API key."""
    sys.path.insert(0, str(PROJECT))
    import django

    django.setup()
    from django.core.management import call_command

    from integrations.services.api_keys.api_keys import create_api_key
    from integrations.services.audit import Actor
    from integrations.services.integration.enabling import enable_outlet
    from integrations.services.outlets.outlets import create_outlet, get_or_create_organisation

    call_command("migrate", verbosity=0)
    actor, mark = Actor("benchmark"), secrets.token_hex(4)
    organisation = get_or_create_organisation(f"Benchmark {mark}", actor=actor)
    outlets = [create_outlet(organisation, name=f"Outlet {number}", actor=actor) for number in range(count)]
    handovers = [enable_outlet(each, pos_remote_id=f"{mark}-{each.name}", actor=actor).as_wire() for each in outlets]
    return handovers, create_api_key(f"Benchmark {mark}", actor=actor)[1]


@contextmanager
def started(*command: str) -> Iterator[int]:
    process = subprocess.Popen(command)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def connect_poses(addresses: Sequence[str], stack: ExitStack) -> None:
    poses = subprocess.Popen(
        [sys.executable, str(HERE / "echoing_pos.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.enter_context(poses)
    assert poses.stdin
    assert poses.stdout
    poses.stdin.write("\n".join([*addresses, "", ""]))
    poses.stdin.flush()
    if poses.stdout.readline() != "ready\n":
        sys.exit("the POSes did not connect")


def token_of(handover: dict[str, str]) -> str:
    names = ("ProviderOutletID", "POSRemoteID", "AuthSecret")
    answer = httpx2.post(handover["AuthURL"], json={name: handover[name] for name in names}, trust_env=False)
    token: str = answer.json()["AccessToken"]
    return token


def request_of(handover: dict[str, str], key: str, *, durable: bool) -> bytes:
    path = f"/api/v1/outlets/{handover['ProviderOutletID']}/requests"
    return http_request(path, body(durable), f"Authorization: Bearer {key}\r\n")


def body(durable: bool) -> bytes:
    order = {"message_type": 1, "device_id": "kiosk-1", "payload": PAYLOAD, "durable": durable}
    return json.dumps(order).encode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
    sys.exit("a server did not start")


# --- The database


def measure_database(seconds: float) -> Figures:
    """Measure how fast one connection inserts a row and then updates it, with a commit after each statement."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS benchmark_bare ({_key(connection)}, payload TEXT, answer TEXT)")
        latencies = []
        began = time.perf_counter()
        while (call := time.perf_counter()) < began + seconds:
            _insert_and_update(cursor)
            latencies.append(time.perf_counter() - call)
        took = time.perf_counter() - began
    connection.close()
    return Figures.of(latencies, took)


def _key(connection: Any) -> str:
    return "id BIGSERIAL PRIMARY KEY" if connection.vendor == "postgresql" else "id INTEGER PRIMARY KEY"


def _insert_and_update(cursor: Any) -> None:
    text = json.dumps(PAYLOAD)
    cursor.execute("INSERT INTO benchmark_bare (payload) VALUES (%s) RETURNING id", [text])
    [key] = cursor.fetchone()
    cursor.execute("UPDATE benchmark_bare SET answer = %s WHERE id = %s", [text, key])


# --- Output


def print_table(results: Results, callers: Sequence[int]) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| What | Callers | A second | p50 ms | p99 ms | Longest ms | CPU ms | To the bare echo | To the database |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    database = Figures.median(results[DATABASE, 1])
    for count in callers:
        bare = Figures.median(results[BARE, count])
        for name in dict.fromkeys(name for name, _ in results if name != DATABASE):
            figures = Figures.median(results[name, count])
            beside = f"{figures.rate / database.rate:.2f}" if name == DURABLE else ""
            print(f"| {name} | {count} | {shown(figures)} | {figures.rate / bare.rate:.2f} | {beside} |")
    print(f"| {DATABASE} | 1 | {shown(database)} | | 1.00 |")


def shown(figures: Figures) -> str:
    return f"{figures.rate:,.0f} | {figures.p50:.2f} | {figures.p99:.2f} | {figures.longest:.2f} | {figures.cpu:.2f}"


if __name__ == "__main__":
    main()
