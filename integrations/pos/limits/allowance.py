"""How much one POS may send: a bucket of frames and one of bytes, refilled all the time."""

import time
from collections.abc import Callable

# What one POS may send per second: far more than a till does, and little enough for a process that serves thousands.
FRAMES_PER_SECOND = 100
BYTES_PER_SECOND = 2 * 1024 * 1024
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

    @property
    def frames_left(self) -> float:
        """How many frames may come now; below zero where more came than may."""
        return self._frames

    @property
    def is_used_up(self) -> bool:
        """Whether more came than may."""
        return self._frames < 0 or self._bytes < 0

    def take(self, size: int, frames: int = 1) -> bool:
        """Take `frames` frames of `size` bytes together; False when the POS has used its allowance up."""
        now = self._clock()
        elapsed, self._seen_at = now - self._seen_at, now
        self._frames = _refilled(self._frames, self._frames_per_second, elapsed) - frames
        self._bytes = _refilled(self._bytes, self._bytes_per_second, elapsed) - size
        return not self.is_used_up

    def give_back(self, size: int) -> None:
        """Return what was taken for a frame that we had asked for: however many answers, they are no flood."""
        self._frames += 1
        self._bytes += size

    def grant(self, size: int, frames: int, most: int) -> None:
        """Add what the answer to a request may take; at most `most` such grants are kept beyond the burst."""
        self._frames = min(self._frames + frames, self._frames_per_second * BURST_SECONDS + most * frames)
        self._bytes = min(self._bytes + size, self._bytes_per_second * BURST_SECONDS + most * size)

    def seconds_until(self, seconds_worth: float) -> float:
        """Return the time until this many seconds' worth may come at once."""
        missing = seconds_worth - min(self._frames / self._frames_per_second, self._bytes / self._bytes_per_second)
        return max(0.0, missing)


def of_one_pos() -> Allowance:
    """Return the allowance of a new connection."""
    return Allowance(FRAMES_PER_SECOND, BYTES_PER_SECOND)


def _refilled(left: float, per_second: float, elapsed: float) -> float:
    """Refill up to the burst; what was granted beyond it stays."""
    return max(left, min(left + elapsed * per_second, per_second * BURST_SECONDS))
