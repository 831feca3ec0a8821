"""No resource grows under constant churn for SOAK_SECONDS (default: 8; docs/faults.md promises it for 600).

POSes connect, answer, drop and reconnect; the backend sends requests; staff enable and disable outlets;
an attacker tries wrong secrets.
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pytest

from tests.faults.vitals import Vitals
from tests.live.callers import storm
from tests.live.callers.backend import Backend, soup
from tests.live.callers.clients import authenticate, connect, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Credentials, Database, Stack

SECONDS = float(os.environ.get("SOAK_SECONDS", "8"))
WARM_UP = 0.4  # share of the samples to skip at the start, because they include one-time allocations
OUTLETS = 20
SEED = 4_711
POSTGRES_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_under_constant_churn_nothing_grows(new_stack: NewStack, tmp_path: Path, database: Database) -> None:
    stack = new_stack("serve", database, env={"AUTH_FAILURES_PER_ADDRESS": "1000000"})
    outlets = [stack.supply_outlet() for _ in range(OUTLETS)]
    taken: list[tuple[Vitals, int]] = []
    with storm.fleet_of(outlets, folder=tmp_path, seed=SEED):
        churn(stack, outlets, look=lambda: taken.append((Vitals.of(stack.pid), database_connections(stack))))
    settled = taken[int(len(taken) * WARM_UP) :]
    early, late = settled[: len(settled) // 2], settled[len(settled) // 2 :]
    assert growth(early, late, lambda each: each[0].memory) < 8, "MiB of memory"
    assert growth(early, late, lambda each: each[0].files) <= 8, "open files"
    assert growth(early, late, lambda each: each[0].threads) <= 2, "threads"
    assert growth(early, late, lambda each: each[1]) <= 2, "connections of the database"


def churn(stack: Stack, outlets: Sequence[Credentials], *, look: Callable[[], None]) -> None:
    """Run random actions, one after another, for SOAK_SECONDS."""
    chance, backend, attacked = random.Random(SEED), Backend.of(stack), stack.supply_outlet()
    acts: list[Callable[[Credentials], None]] = [
        lambda outlet: order(backend, outlet),
        lambda outlet: order(backend, outlet),
        lambda outlet: come_and_go(stack, outlet),
        lambda _: fail_authentication(stack, attacked),  # a separate outlet, because the throttle may block its POS
        lambda _: enable_and_disable(stack),
    ]
    # First run each act twice: some memory is allocated only once, and malloc keeps the 19 MiB of an Argon2id hash
    # only after the second hash.
    for act in (*acts, *acts):
        act(outlets[0])
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        chance.choice(acts)(chance.choice(outlets))
        look()


def order(backend: Backend, outlet: Credentials) -> None:
    """Send an order. The outlet's POS may have disconnected, or sent text that is not JSON (`come_and_go`).

    If the portal sends the order and then reads that text, it takes the text for the answer and returns 502.
    """
    answer = backend.ask(outlet, "CreateOrder", soup(), timeout=1)
    assert answer.status_code in (200, 502, 503, 504), answer.text


def come_and_go(stack: Stack, outlet: Credentials) -> None:
    """Replace the POS's connection, send text that is not JSON, and disconnect."""
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send("{not json")


def fail_authentication(stack: Stack, outlet: Credentials) -> None:
    assert authenticate(stack, outlet, AuthSecret=f"wrong-{time.monotonic_ns()}").status_code in (401, 429)


def enable_and_disable(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token) as pos:
        stack.disable(outlet)
        pos.wait_closed()


def database_connections(stack: Stack) -> int:
    if stack.database_url.startswith("sqlite"):
        return 0
    ((count,),) = stack.rows(POSTGRES_CONNECTIONS)
    assert isinstance(count, int)
    return count


def growth(early: list[tuple[Vitals, int]], late: list[tuple[Vitals, int]], what: Callable[..., float]) -> float:
    """Return how much the median increased from the earlier half of the samples to the later half."""
    return median(map(what, late)) - median(map(what, early))
