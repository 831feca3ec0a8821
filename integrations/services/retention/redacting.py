"""Redact rows that an older version of the server stored unredacted. Runs in database threads.

This is not a migration, because an open request must keep its content until it has ended, and one transaction for ten
million rows would block an SQLite database for its whole duration.
"""

from django.db import transaction
from django.db.models import QuerySet

from integrations.models import Request
from integrations.services.requests import contents
from integrations.services.requests.contents import Content

BATCH = 100
CHANGED = ("user_identifier", "payload", "content_digest", "error_message", "answer", "sealed_answer", "is_redacted")


@transaction.atomic
def redact_batch() -> bool:
    """Redact at most BATCH requests that have ended. Return whether there may be more."""
    rows = list(due().select_for_update()[:BATCH])
    for row in rows:
        _redact(row)
        row.save(update_fields=CHANGED)
    return len(rows) == BATCH


def due() -> QuerySet[Request]:
    """Return the requests to redact, the oldest first."""
    return Request.objects.filter(is_redacted=False, ended_at__isnull=False).order_by("ended_at")


def _redact(row: Request) -> None:
    if row.content_pruned_at is None and not contents.is_keyed(row.content_digest):
        row.content_digest = contents.digest(Content.of(row))
    asked = contents.secrets_asked(row.user_identifier, row.payload)
    kept = contents.keep_request(row.user_identifier, row.payload)
    row.user_identifier, row.payload = kept.user_identifier, kept.payload
    if row.sealed_answer is None:  # a sealed answer was redacted when it was stored
        answer = contents.keep_answer(row.error_message, row.answer, asked)
        row.error_message, row.answer, row.sealed_answer = answer.error_message, answer.answer, answer.sealed
    row.is_redacted = True
