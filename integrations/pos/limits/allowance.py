"""Limits how much one POS may send: one token bucket for frames and one for bytes."""

import time
from collections.abc import Callable

# Limits for one POS: far more than a till sends, and little enough for a process that serves thousands.
FRAMES_PER_SECOND = 100
BYTES_PER_SECOND = 2 * 1024 * 1024
BURST_SECONDS = 10  # one burst may use the allowance of this many seconds


class Allowance:
    """Counts the frames and bytes of one POS. `clock` must be monotonic, in seconds."""

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
        """How many more frames are allowed now; negative after too many."""
        return self._frames

    @property
    def is_used_up(self) -> bool:
        """Whether the POS has sent more than allowed."""
        return self._frames < 0 or self._bytes < 0

    def take(self, size: int, frames: int = 1) -> bool:
        """Count `frames` frames of `size` bytes in total; return False when the allowance is used up."""
        now = self._clock()
        elapsed, self._seen_at = now - self._seen_at, now
        self._frames = _refilled(self._frames, self._frames_per_second, elapsed) - frames
        self._bytes = _refilled(self._bytes, self._bytes_per_second, elapsed) - size
        return not self.is_used_up

    def give_back(self, size: int) -> None:
        """Undo `take` for a frame of `size` bytes that answers a request, because answers never count as a flood."""
        self._frames += 1
        self._bytes += size

    def grant(self, size: int, frames: int, most: int) -> None:
        """Allow `frames` more frames with `size` bytes in total, because an answer of that size is expected.

        The allowance may exceed the burst size by at most `most` such answers.
        """
        self._frames = min(self._frames + frames, self._frames_per_second * BURST_SECONDS + most * frames)
        self._bytes = min(self._bytes + size, self._bytes_per_second * BURST_SECONDS + most * size)

    def seconds_until(self, seconds_worth: float) -> float:
        """Return how many seconds it takes until both buckets hold the allowance of `seconds_worth` seconds."""
        missing = seconds_worth - min(self._frames / self._frames_per_second, self._bytes / self._bytes_per_second)
        return max(0.0, missing)


def of_one_pos() -> Allowance:
    """Return the allowance of a new connection."""
    return Allowance(FRAMES_PER_SECOND, BYTES_PER_SECOND)


def _refilled(left: float, per_second: float, elapsed: float) -> float:
    """Return the allowance after `elapsed` more seconds: at most the burst size, or `left` if that is already more."""
    return max(left, min(left + elapsed * per_second, per_second * BURST_SECONDS))
