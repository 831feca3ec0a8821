"""How much one POS may send: a bucket of frames and one of bytes, refilled all the time."""

import time
from collections.abc import Callable

BURST_SECONDS = 10  # what may come at once: this many seconds' worth


class Allowance:
    """`clock` returns seconds that never go back."""

    __slots__ = ("_bytes", "_bytes_per_second", "_clock", "_frames", "_frames_per_second", "_seen_at")

    def __init__(
        self, frames_per_second: float, bytes_per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._frames_per_second = frames_per_second
        self._bytes_per_second = bytes_per_second
        self._frames = frames_per_second * BURST_SECONDS
        self._bytes = bytes_per_second * BURST_SECONDS
        self._clock = clock
        self._seen_at = clock()

    def take(self, size: int) -> bool:
        """Take one frame of `size` bytes; False when the POS has used its allowance up."""
        now = self._clock()
        elapsed, self._seen_at = now - self._seen_at, now
        self._frames = (
            min(self._frames + elapsed * self._frames_per_second, self._frames_per_second * BURST_SECONDS) - 1
        )
        self._bytes = min(self._bytes + elapsed * self._bytes_per_second, self._bytes_per_second * BURST_SECONDS) - size
        return self._frames >= 0 and self._bytes >= 0

    def give_back(self, size: int) -> None:
        """Return what was taken for a frame that we had asked for: however many answers, they are no flood."""
        self._frames += 1
        self._bytes += size
