"""Which of a lane's requests may be why its connection ends: that one fails in the end, and no other. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime

from integrations.relay.sockets.outgoing import Fleeting, Outgoing


def blamed(in_flight: Iterable[Outgoing | Fleeting]) -> list[int]:
    """Return the primary keys of what may have ended a connection, of what was in flight on it in this order.

    A suspect that was sent before all others was alone for a while: the others left beside it only because the POS did
    not answer it.
    """
    stored = [each for each in in_flight if isinstance(each, Outgoing)]
    return [each.pk for each in (stored[:1] if stored and stored[0].is_suspect else stored)]


def next_of(suspects: Iterable[Outgoing], in_flight: Collection[Outgoing | Fleeting], at: datetime) -> Outgoing | None:
    """Return the suspect that was next at this time.

    Beside another one, which the POS is slow with, leaves only what has ended one connection at most: of two that do
    end connections neither is to be blamed for the other again and again.
    """
    is_beside = any(isinstance(each, Outgoing) and each.is_suspect for each in in_flight)
    due = (each for each in suspects if each.retry_at is None or each.retry_at <= at)
    return next((each for each in due if each.disconnects == 1 or not is_beside), None)
