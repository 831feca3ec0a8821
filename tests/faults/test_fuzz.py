"""Sends random and mutated requests and frames to a server, directly and through each proxy.

FUZZ_SECONDS is the duration of the test. FUZZ_SEED is the seed of its random numbers.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.faults import fuzzing
from tests.faults.vitals import Vitals
from tests.live.callers.clients import token_for
from tests.live.stack.processes import free_port
from tests.live.stack.proxies import proxy_before
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support import constants
from tests.support.constants import with_constants

SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ARRIVAL_SECONDS = 2
SLOWEST = 2.0  # seconds for /healthz: more than the usual 0.5, because the fuzzing keeps the machine busy
GROWTH = 80  # MiB that the server may grow by, because its allocators and caches are still filling


@dataclass
class Front:
    """A server, and the ports that lead to it: its own, and those of the proxies."""

    stack: Stack
    ports: dict[str, int]
    token: str
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def front(depot: Depot, tmp_path: Path) -> Iterator[Front]:
    seconds = {constants.ARRIVAL_SECONDS: ARRIVAL_SECONDS, constants.UNREAD_SECONDS: ARRIVAL_SECONDS}
    env = {"TRUSTED_PROXIES": "127.0.0.1"} | with_constants(seconds)
    stack = depot.make("serve", env=env)
    ports, proxies = {"": stack.port}, []
    for name in ("nginx", "caddy"):
        folder = tmp_path / name
        folder.mkdir()
        ports[name] = free_port()
        proxies.append(proxy_before(name, stack, ports[name], folder))
        proxies[-1].start()
        eventually(lambda port=ports[name]: is_alive(port), what=f"{name} answers")  # type: ignore[misc]
    yield Front(stack, ports, token_for(stack, stack.supply_outlet()))
    for proxy in proxies:
        proxy.kill()
    stack.close()


def is_alive(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return (
            httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False, verify=False, timeout=20).status_code == 200
        )
    return False


def test_each_fuzzed_request_gets_its_answer_and_the_server_stays_healthy(front: Front) -> None:
    over = time.monotonic() + SECONDS / 4
    run(front, lambda: time.monotonic() < over, SEED)
    before = Vitals.of(front.stack.pid)
    over = time.monotonic() + SECONDS * 3 / 4
    slowest = run(front, lambda: time.monotonic() < over, SEED + 1000)
    assert not front.problems, "\n".join(map(shortened, front.problems))
    assert slowest < SLOWEST
    assert Vitals.of(front.stack.pid).memory - before.memory < GROWTH
    log = front.stack.log_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    eventually(lambda: Vitals.of(front.stack.pid).files < before.files + 50, what="all connections have ended")


def shortened(problem: str) -> str:
    return re.sub(r"x{20,}", "x...", problem)[:2000]


def run(front: Front, goes_on: Callable[[], bool], seed: int) -> float:
    """Send random traffic until `goes_on` returns false; return the longest time that /healthz took."""
    jobs: list[Callable[[random.Random], None]] = []
    for way, port in front.ports.items():
        jobs += [
            lambda rng, way=way, port=port: note(front, fuzzing.send_requests(rng, port, way)),  # type: ignore[misc]
            lambda rng, way=way, port=port: note(front, fuzzing.send_mutated(rng, port, way)),  # type: ignore[misc]
            lambda rng, port=port: note(front, fuzzing.ask_by_name(rng, port)),  # type: ignore[misc]
            lambda rng, port=port: note(front, fuzzing.send_frames(rng, port, front.token)),  # type: ignore[misc]
        ]
    slowest = [0.0]

    def repeat(number: int) -> None:
        rng = random.Random(seed + number)
        while goes_on() and len(front.problems) < 5:
            jobs[number](rng)

    def watch() -> None:
        while goes_on():
            began = time.monotonic()
            if not is_alive(front.stack.port):
                front.problems.append("/healthz did not answer")
            slowest[0] = max(slowest[0], time.monotonic() - began)

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(len(jobs)) as senders:
        list(senders.map(repeat, range(len(jobs))))
    watching.join(60)
    return slowest[0]


def note(front: Front, problem: str) -> None:
    if problem:
        front.problems.append(problem)
