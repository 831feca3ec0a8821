"""Formats the duration of a request and the messages of a POS for staff."""

from integrations.models import Request
from integrations.services.requests.secret_members import hide_in_words
from integrations.text.characters import printable
from integrations.text.moments import span

SAID_LENGTH = 1_000


def duration(row: Request) -> str:
    """Return the time from the arrival to the end of a request, or a dash while it is open."""
    return span(row.ended_at - row.received_at) if row.ended_at else "–"


def pos_text(text: str | None) -> str:
    """Return a POS's text for staff to read: shortened, and without secrets."""
    return printable(hide_in_words(text or ""), SAID_LENGTH)
