"""Sends orders from many callers to misbehaving tills, while one service after another is killed."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from integrations.simulator import Fault, Fleet, Plan, Timing
from tests.live.callers.backend import Backend, pos_credentials, soup
from tests.live.stack.servers import Credentials

CALLERS = 24
PAUSE = 1.0  # seconds between two faults
WAITED = 2  # seconds that a call waits for the answer
EXPIRES_IN = 30  # seconds: longer than a request takes, even on a busy machine whose services are killed
TRIES_FOR = 60  # seconds for which a caller repeats one request
MISBEHAVIOUR = {
    Fault.DROP_BEFORE: 0.03,
    Fault.DROP_AFTER: 0.03,
    Fault.VANISH: 0.02,
    Fault.NEVER: 0.01,
    Fault.TWICE: 0.05,
    Fault.LATE: 0.2,
    Fault.GARBAGE: 0.01,
    Fault.OUT_OF_ORDER: 0.05,
}


@dataclass(frozen=True)
class Call:
    """One order for one outlet; `name` is its RequestID and its ProviderOrderID."""

    outlet: Credentials
    name: str
    mode: str


def calls_to(outlets: Sequence[Credentials], *, count: int, chance: random.Random) -> list[Call]:
    """Return `count` calls, spread evenly over the outlets; `chance` chooses the modes and shuffles the calls."""
    calls = [
        Call(outlets[number % len(outlets)], f"order-{number}", chance.choice(["wait", "wait", "async"]))
        for number in range(count)
    ]
    chance.shuffle(calls)
    return calls


def make_calls(backends: Sequence[Backend], calls: Sequence[Call], *, meanwhile: Iterator[Callable[[], None]]) -> int:
    """Repeat each call until it is stored, while causing a fault each second; return the number of faults.

    The faults run in this thread, because a server process dies with the thread that started it. Raises
    AssertionError if a call is not stored within TRIES_FOR seconds, or gets an unexpected status.
    """
    done = 0
    with ThreadPoolExecutor(CALLERS) as pool:
        taken = [pool.submit(_insist, backends, number, call) for number, call in enumerate(calls)]
        while wait(taken, PAUSE).not_done:
            next(meanwhile)()
            done += 1
        assert all(each.result() for each in taken), "a call was never stored"
    return done


def faults(acts: Sequence[Callable[[], None]], chance: random.Random) -> Iterator[Callable[[], None]]:
    """Yield all `acts` in random order, then all of them again in another order, without end."""
    while True:
        yield from chance.sample(list(acts), len(acts))


@contextmanager
def fleet_of(
    outlets: Sequence[Credentials], *, seed: int, folder: Path | None = None, plan: Plan | None = None
) -> Iterator[Fleet]:
    """Run the outlets' POSes in one thread until the block ends; they reconnect within 0.5 s.

    Each till is saved to a file in `folder`; without a folder, the tills exist only in memory. With the default plan,
    the tills misbehave.
    """
    plan = plan or Plan(delay=(0.05, 0.8), chances=MISBEHAVIOUR, seed=seed)
    credentials = [pos_credentials(outlet) for outlet in outlets]
    timing = Timing(longest_pause=0.5)
    fleet = Fleet(credentials, say=lambda _: None, timing=timing, plan=plan, till_folder=folder)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fleet", daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(fleet.run(), loop)
    try:
        yield fleet
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        asyncio.run_coroutine_threadsafe(_rest(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _insist(backends: Sequence[Backend], number: int, call: Call) -> bool:
    """Repeat a call with the same RequestID, at alternating processes; return whether it was stored in time."""
    deadline = time.monotonic() + TRIES_FOR
    while time.monotonic() < deadline:
        number += 1
        try:
            answer = _call(backends[number % len(backends)], call)
        except httpx2.TransportError:
            continue
        if answer.status_code in (200, 202, 502, 504):  # 502: a till's answer was cut short, which ends the request
            return True
        assert answer.status_code in (429, 503), answer.text
    return False


def _call(backend: Backend, call: Call) -> httpx2.Response:
    return backend.ask(
        call.outlet,
        "CreateOrder",
        soup(call.name),
        request_id=call.name,
        mode=call.mode,
        timeout=WAITED,
        expires_in=EXPIRES_IN,
    )


async def _rest() -> None:
    """Wait until all other tasks of this loop have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
