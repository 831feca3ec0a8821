"""Slows down takeovers of an outlet where two tills use the same credentials and disconnect each other. Does no I/O."""

import time
from collections import deque
from collections.abc import Callable

FREE = 2  # number of takeovers that are not delayed
SHORTEST = 0.1  # seconds before the next takeover; each takeover doubles the delay
LONGEST = 60.0  # seconds
CALM = 300.0  # after this many seconds without a takeover, all earlier takeovers are forgotten
# A replacement counts as a takeover if the previous POS was still responding. But if an outlet's connection is replaced
# more often than this in a minute, every further replacement counts.
OFTEN = 10
MINUTE = 60.0


class Takeovers:
    """The takeovers that this process saw. `clock` must be monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[int, tuple[int, float]] = {}  # by integration: number of takeovers, time of the last one
        self._replaced: dict[int, deque[float]] = {}  # by integration: times of the latest replacements
        self._dropped_at = clock()

    def replaced(self, integration_id: int) -> None:
        """Count a replacement. Frequent replacements count as takeovers even if the old POS does not respond."""
        now = self._clock()
        self._drop_old(now)
        times = self._replaced.setdefault(integration_id, deque(maxlen=OFTEN))
        if len(times) == OFTEN and now - times[0] <= MINUTE:
            self.note(integration_id)
        times.append(now)

    def note(self, integration_id: int) -> None:
        """Count a takeover: a connection replaced another one whose POS was still responding."""
        now = self._clock()
        count, at = self._last.get(integration_id, (0, now))
        self._last[integration_id] = (count + 1 if now - at <= CALM else 1), now

    def begin(self, integration_id: int) -> None:
        """Restart the delay for other connections, because one is about to take over."""
        if integration_id in self._last:
            count, _ = self._last[integration_id]
            self._last[integration_id] = count, self._clock()

    def wait(self, integration_id: int) -> float:
        """Return the seconds before the next connection may replace an open one."""
        count, at = self._last.get(integration_id, (0, 0.0))
        if count < FREE:
            return 0.0
        doublings = min(count - FREE, 10)  # after ten doublings, the delay exceeds LONGEST anyway
        return max(0.0, at + min(SHORTEST * (1 << doublings), LONGEST) - self._clock())

    def _drop_old(self, now: float) -> None:
        # Clean up rarely, because a cleanup takes long in a reconnect storm, when all outlets have entries.
        if now - self._dropped_at <= CALM:
            return
        self._dropped_at = now
        self._last = {key: last for key, last in self._last.items() if now - last[1] <= CALM}
        self._replaced = {key: times for key, times in self._replaced.items() if now - times[-1] <= CALM}
