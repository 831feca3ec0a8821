"""Which of a lane's requests may be why its connection ends: that one fails in the end, and no other."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from integrations.models.clock import shared_now
from integrations.relay.sockets.outgoing import Outgoing, Transient
from integrations.relay.sockets.window import Window

PATIENCE = 2.0  # seconds that a suspect whose time has come lets newer requests go first


class Suspects:
    """The suspects of a lane that have not left; those that ended the fewest connections come first."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._waiting: list[Outgoing] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Outgoing]:
        return iter(self._waiting)

    @property
    def are_overdue(self) -> bool:
        """Whether newer requests wait, because a suspect has waited for long enough."""
        return bool(self._waiting) and self.next(late_by=PATIENCE) is not None

    def add(self, suspect: Outgoing) -> None:
        self._waiting.append(suspect)
        self._waiting.sort(key=lambda each: (each.disconnects, each.pk))

    def put_back(self, suspect: Outgoing) -> None:
        """Put a suspect that could not leave before the others."""
        self._waiting.insert(0, suspect)

    def remove(self, suspect: Outgoing) -> None:
        self._waiting.remove(suspect)

    def clear(self) -> None:
        self._waiting.clear()

    def next(self, late_by: float = 0.0) -> Outgoing | None:
        """Return the suspect that was next so many seconds ago.

        Beside another one, which the POS is slow with, leaves only what has ended one connection at most: of two that
        do end connections neither is to be blamed for the other again and again.
        """
        at = shared_now() - timedelta(seconds=late_by)
        is_beside = any(isinstance(each, Outgoing) and each.is_suspect for each in self._window.requests)
        due = (each for each in self._waiting if each.retry_at is None or each.retry_at <= at)
        return next((each for each in due if each.disconnects == 1 or not is_beside), None)


def blamed(in_flight: Iterable[Outgoing | Transient]) -> list[int]:
    """Return the primary keys of what may have ended a connection, of what was in flight on it in this order.

    A suspect that was sent before all others was alone for a while: the others left beside it only because the POS did
    not answer it.
    """
    stored = [each for each in in_flight if isinstance(each, Outgoing)]
    return [each.pk for each in (stored[:1] if stored and stored[0].is_suspect else stored)]
