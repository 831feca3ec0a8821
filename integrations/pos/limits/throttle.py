"""Counts failed authentications, and blocks callers that keep failing.

Failures are counted per outlet and address, because an attacker elsewhere must not lock out a real POS. They are also
counted per address, because one address must not try outlet after outlet. Only its own failures can block a pair that
has authenticated, because one misconfigured till must not block a thousand others behind the same address. Each process
has its own counts, in memory and bounded.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from integrations.services.integration.waits import LONGEST_MINUTES
from integrations.text.client_address import network_of

FIRST_BLOCK = 15  # seconds: short, because the first failures may be typing errors; doubles with each further failure
MAX_BLOCK = 60.0 * LONGEST_MINUTES  # seconds
FORGET_AFTER = MAX_BLOCK  # seconds without a failure or a block, after which earlier failures are forgotten
KEPT = 100_000
TARPIT_SECONDS = 1.0  # delay of the answer to a blocked caller
EVERYWHERE = "*"  # stands for all addresses together
ADDRESSES_OF_ONE_OUTLET = 10  # the total limit of an outlet, as a multiple of its limit for one address
HELD_ANSWERS = 500  # delayed answers at a time; each holds a connection


@dataclass(slots=True)
class _Failures:
    count: int = 0
    blocks: int = 0
    blocked_until: float = 0.0
    last_at: float = 0.0


class Throttle:
    """Counts failures and computes blocks. `clock` must be monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._forgiven: OrderedDict[str, float] = OrderedDict()  # when each outlet's exemption ends

    def wait(self, outlet: str, address: str) -> float:
        """Return for how many seconds this address may not try adopted secrets of this outlet; 0 if it may."""
        return self.pair_wait(outlet, address) or self.address_wait(outlet, address)

    def pair_wait(self, outlet: str, address: str) -> float:
        """Return for how many seconds this pair of outlet and address is blocked; 0 if it is not."""
        return self._remaining((outlet, network_of(address)))

    def address_wait(self, outlet: str, address: str) -> float:
        """Return for how many seconds this address is blocked; 0 if it is not, or if the outlet authenticated from it.

        After too many failures in total, an outlet is blocked for all addresses from which it never authenticated.
        """
        network = network_of(address)
        if (outlet, network) in self._proven:
            return 0.0
        is_exempt = self._forgiven.get(outlet, 0.0) > self._clock()
        return max(0.0 if is_exempt else self._remaining(network), self._remaining((outlet, EVERYWHERE)))

    def failed(self, outlet: str, address: str) -> None:
        """Count one failure."""
        network = network_of(address)
        self._count((outlet, network), settings.AUTH_FAILURES_PER_OUTLET)
        self._count(network, settings.AUTH_FAILURES_PER_ADDRESS)
        self._count((outlet, EVERYWHERE), settings.AUTH_FAILURES_PER_OUTLET * ADDRESSES_OF_ONE_OUTLET)

    def succeeded(self, outlet: str, address: str) -> None:
        """Forget the failures of this pair of outlet and address. From now on, only its own failures can block it."""
        pair = (outlet, network_of(address))
        self._failures.pop(pair, None)
        self._proven[pair] = None
        self._proven.move_to_end(pair)
        _trim(self._proven)

    def forgive(self, outlet: str) -> None:
        """Forget an outlet's failures from all addresses, because staff changed its settings.

        The block of a whole address may be due to other outlets, so it continues for the other outlets. This outlet is
        exempt from that block for FORGET_AFTER seconds, but its own new failures still count.
        """
        self._forgiven[outlet] = self._clock() + FORGET_AFTER
        self._forgiven.move_to_end(outlet)
        _trim(self._forgiven)
        for key in [key for key in self._failures if isinstance(key, tuple) and key[0] == outlet]:
            del self._failures[key]

    def _remaining(self, key: Hashable) -> float:
        failures = self._failures.get(key)
        return max(0.0, failures.blocked_until - self._clock()) if failures else 0.0

    def _count(self, key: Hashable, limit: int) -> None:
        now = self._clock()
        failures = self._failures.setdefault(key, _Failures())
        self._failures.move_to_end(key)
        if now - max(failures.last_at, failures.blocked_until) > FORGET_AFTER:
            failures.count = failures.blocks = 0
        failures.last_at = now
        failures.count += 1
        if failures.count >= limit:
            failures.blocked_until = now + min(MAX_BLOCK, FIRST_BLOCK * 2**failures.blocks)
            failures.blocks += 1
        _trim(self._failures)


class Sampler:
    """Selects the first `burst` events of a kind in each period, to keep a flood from filling the database."""

    def __init__(self, burst: int = 20, period: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._period = period
        self._clock = clock
        self._taken: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Return whether to keep this event."""
        now = self._clock()
        began, count = self._taken.pop(key, (now, 0))
        if now - began >= self._period:
            began, count = now, 0
        self._taken[key] = (began, count + 1)
        _trim(self._taken)
        return count < self._burst


class Tarpit:
    """Delays answers to blocked callers (a tarpit); holds at most `most` at once."""

    def __init__(self, seconds: float = TARPIT_SECONDS, most: int = HELD_ANSWERS) -> None:
        self._seconds = seconds
        self._most = most
        self._held = 0

    async def hold(self) -> None:
        """Wait before the answer, unless too many answers are already delayed."""
        if self._held >= self._most:
            return
        self._held += 1
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._held -= 1


def _trim(entries: OrderedDict[Any, Any]) -> None:
    while len(entries) > KEPT:
        entries.popitem(last=False)
