"""Identifies a request that makes the POS disconnect, so the requests sent beside it need not fail."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from integrations.models.clock import shared_now
from integrations.relay.sockets.outgoing import Outgoing, Transient
from integrations.relay.sockets.window import Window

PATIENCE = 2.0  # seconds for which a due suspect lets newer requests go first


class Suspects:
    """The suspects that a lane has yet to send again; those that ended the fewest connections come first."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._waiting: list[Outgoing] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Outgoing]:
        return iter(self._waiting)

    @property
    def are_overdue(self) -> bool:
        """Whether newer requests must wait because a suspect has waited long enough."""
        return bool(self._waiting) and self.next(late_by=PATIENCE) is not None

    def add(self, suspect: Outgoing) -> None:
        self._waiting.append(suspect)
        self._waiting.sort(key=lambda each: (each.disconnects, each.pk))

    def put_back(self, suspect: Outgoing) -> None:
        """Put a suspect back in front of the others, because it could not be sent."""
        self._waiting.insert(0, suspect)

    def remove(self, suspect: Outgoing) -> None:
        self._waiting.remove(suspect)

    def clear(self) -> None:
        self._waiting.clear()

    def next(self, late_by: float = 0.0) -> Outgoing | None:
        """Return the first suspect that has been due for `late_by` seconds and may be sent now, or None.

        While the POS is slow with another suspect, only a suspect that ended at most one connection may be sent beside
        it. Otherwise two requests that both end connections would keep being blamed for each other.
        """
        at = shared_now() - timedelta(seconds=late_by)
        is_beside = any(isinstance(each, Outgoing) and each.is_suspect for each in self._window.requests)
        due = (each for each in self._waiting if each.retry_at is None or each.retry_at <= at)
        return next((each for each in due if each.disconnects == 1 or not is_beside), None)


def blamed(in_flight: Iterable[Outgoing | Transient]) -> list[int]:
    """Return the primary keys of the requests that may have ended a connection; `in_flight` is in order of sending.

    If the first request is a suspect, only that one is blamed. It was in flight alone at first, and the others were
    sent only because the POS was slow to answer it.
    """
    stored = [each for each in in_flight if isinstance(each, Outgoing)]
    return [each.pk for each in (stored[:1] if stored and stored[0].is_suspect else stored)]
