"""Look-ups whose results a process uses again for at most a second.

Most calls repeat the API key and the outlet of the call before. Reading both again takes two trips to a database
thread, which is two fifths of a transient request by a single caller (`benchmarks/relay.py --callers 1`).
"""

from collections.abc import Callable, Hashable, Mapping
from time import monotonic
from typing import Generic, TypeVar

from integrations.services.rows.threads import Joined

# Within this many seconds, a change by another process takes effect here: a revoked API key, a disabled outlet.
# A change by this process takes effect when its transaction is committed (services/audit.py).
SECONDS = 1.0
MOST = 10_000  # results of one look-up

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

_changes = 0


def forget_all() -> None:
    """Make every look-up of this process read the database again. Can be called in any thread."""
    global _changes  # noqa: PLW0603  (a process has one count)
    _changes += 1


class Remembered(Generic[Key, Found]):
    """A joined look-up that keeps what it finds for SECONDS, counted from the start of the query, or until a change.

    What is not found is not kept, so unknown keys of an attacker take no memory.
    """

    def __init__(self, query: Callable[[list[Key]], Mapping[Key, Found]]) -> None:
        self._joined: Joined[Key, Found] = Joined(query)
        self._kept: dict[Key, tuple[Found, float]] = {}
        self._changes = 0

    async def find(self, key: Key) -> Found | None:
        """Return the query's result for `key`, or None. Raises the query's errors."""
        now = monotonic()
        if self._changes != _changes:
            self._kept.clear()
            self._changes = _changes
        found, until = self._kept.get(key, (None, now))
        if now < until:
            return found
        changes = self._changes
        found = await self._joined.find(key)
        if found is not None and changes == self._changes == _changes:
            self._keep(key, found, now + SECONDS)
        return found

    def _keep(self, key: Key, found: Found, until: float) -> None:
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = (found, until)
