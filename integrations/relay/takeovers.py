"""Slows down takeovers of an outlet where two tills use the same credentials and disconnect each other. Pure."""

import time
from collections.abc import Callable

FREE = 2  # takeovers that no connection has to wait for
SHORTEST = 0.1  # seconds, after which the next one may follow; each doubles them
LONGEST = 60.0  # seconds
CALM = 300.0  # seconds without a takeover, after which the earlier ones do not count


class Takeovers:
    """The takeovers that this process saw. `clock` returns seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[int, tuple[int, float]] = {}  # by integration: how many, and when the last one was

    def note(self, integration_id: int) -> None:
        """Count that a connection replaced another one whose POS was still there."""
        now = self._clock()
        count, at = self._last.get(integration_id, (0, now))
        if integration_id not in self._last:
            self._drop_old(now)
        self._last[integration_id] = (count + 1 if now - at <= CALM else 1), now

    def begin(self, integration_id: int) -> None:
        """Let the other connections wait from now on: one is about to take over."""
        if integration_id in self._last:
            count, _ = self._last[integration_id]
            self._last[integration_id] = count, self._clock()

    def wait(self, integration_id: int) -> float:
        """Return the seconds before the next connection may replace an open one."""
        count, at = self._last.get(integration_id, (0, 0.0))
        if count < FREE:
            return 0.0
        doublings = min(count - FREE, 10)  # more are beyond LONGEST
        return max(0.0, at + min(SHORTEST * (1 << doublings), LONGEST) - self._clock())

    def _drop_old(self, now: float) -> None:
        for key in [key for key, (_, at) in self._last.items() if now - at > CALM]:
            del self._last[key]
