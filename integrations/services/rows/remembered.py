"""Remembers for a second the results of look-ups that every call repeats, such as the look-up of its API key.

A result is used again for SECONDS at most, so a change made anywhere takes effect in every process within that time. In
the process that makes the change, it takes effect at once, because every change is audited, and the commit of an
audit event makes this process forget all results.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from django.db import transaction

from integrations.services.rows.threads import Joined

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

SECONDS = 1.0
MOST = 20_000  # at most this many results are remembered for each kind of look-up

_era = object()  # replaced after each change, so results of an earlier era are not used


def forget_on_commit() -> None:
    """Forget all results of this process when the current transaction is committed."""
    transaction.on_commit(forget)


def forget() -> None:
    """Forget all results of this process. Can be called in any thread."""
    global _era  # noqa: PLW0603  (a process has one memory)
    _era = object()


class Remembered(Generic[Key, Found]):
    """A joined look-up (`Joined`) whose results are remembered. It does not remember that there was no result."""

    def __init__(self, query: Callable[[list[Key]], Mapping[Key, Found]]) -> None:
        self._joined: Joined[Key, Found] = Joined(query)
        self._results: dict[Key, tuple[Found, float]] = {}
        self._era = _era

    async def find(self, key: Key) -> Found | None:
        """Return the query's result for `key`, at most SECONDS old, or None. Raises the query's errors."""
        began, era = time.monotonic(), _era
        if self._era is not era or len(self._results) >= MOST:
            self._results, self._era = {}, era
        if (kept := self._results.get(key)) and kept[1] > began:
            return kept[0]
        found = await self._joined.find(key)
        if found is not None and self._era is _era is era:
            self._results[key] = found, began + SECONDS
        return found
