"""Waiting for something that another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05
PATIENCE = 3  # timeouts are written for an idle machine; each is multiplied by this, to suffice on a busy one too


class StillFalseError(AssertionError):
    """The condition stayed false for as long as the test was willing to wait."""


def eventually(condition: Callable[[], T], *, timeout: float = 10, what: str = "") -> T:
    """Check the condition every 50 ms, and return its first truthy value.

    `timeout` is the number of seconds that suffice on an idle machine. If the condition is still false after PATIENCE
    times `timeout`, raises StillFalseError with the last value. Does not catch exceptions that the condition raises.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise StillFalseError(f"{what or _name(condition)}: still {value!r} after {timeout * PATIENCE} s")
        time.sleep(POLL_SECONDS)
    return value


def _name(condition: Callable[[], object]) -> str:
    return getattr(condition, "__qualname__", repr(condition))
