"""Database reads and writes of a process that sends requests to a connected POS. Runs in database threads."""

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min, Q

from integrations.models import Request
from integrations.models.clock import shared_now
from integrations.models.request import OPEN_STATES, RequestState
from integrations.security.sealing import SealBroken
from integrations.services.requests import contents
from integrations.services.requests.contents import Content, KeptRequest
from integrations.services.requests.request_types import Waiting
from integrations.services.rows import plain_rows
from integrations.services.rows.sql_query import SqlQuery

SENT_JUST_NOW = timedelta(seconds=3)
SENT_LONG_AGO = timedelta(seconds=60)  # `overlooked` does not return requests that were sent longer ago
UNREADABLE = "It could not be sent: the process with the POS's connection lacks the CREDENTIAL_KEY that encrypted it."
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _ToClaim:
    """The columns of an open request that are needed to claim it."""

    pk: int
    sent_by: uuid.UUID | None
    sent_at: datetime | None
    times_sent: int


_lock_to_claim = SqlQuery(
    _ToClaim,
    """
    SELECT request.id AS pk, request.sent_by, request.sent_at, request.times_sent
    FROM integrations_request AS request
    WHERE request.id {among} AND request.state {open}
    ORDER BY request.id {for_update}
    """,
)


def load_open(integration_id: int, limit: int) -> list[Waiting]:
    """Return an integration's first open requests in order of arrival, including those that were already sent.

    Requests that this process cannot decrypt are left out, because another process may have their key. They wait until
    they expire, and the reason is stored with them.
    """
    waiting: list[Waiting] = []
    last = 0
    while rows := _open_rows(integration_id, limit - len(waiting), after=last):
        readable, unreadable = _unseal_rows(rows)
        waiting += readable
        last = rows[-1].pk
        if not unreadable:
            break
        _note_unreadable([row.pk for row in unreadable])
    return waiting


def overlooked() -> list[tuple[int, int]]:
    """Return open requests that their integration's connection should know by now, as (integration, request) keys.

    For each integration, these are the oldest and the newest unsent request, and the unanswered requests that were sent
    a short time ago, because the connection may have been lost at the moment of sending. Both queries use indexes.
    """
    now = shared_now()
    queued = Request.objects.filter(state=RequestState.QUEUED).order_by()
    sent = Request.objects.filter(state=RequestState.SENT, sent_at__range=(now - SENT_LONG_AGO, now - SENT_JUST_NOW))
    ends = queued.values_list("integration").annotate(Min("pk"), Max("pk"))
    waiting = [(integration_id, pk) for integration_id, oldest, newest in ends for pk in (oldest, newest)]
    return [*waiting, *sent.order_by("pk").values_list("integration", "pk")]


def claim(pks: Sequence[int], process_id: uuid.UUID) -> dict[int, bool]:
    """Mark these requests as sent by this process, before it sends them.

    Requests that are missing from the result have ended, or another process has sent them.
    """
    with transaction.atomic(savepoint=False):
        found = [row for row in _lock_to_claim.rows(pks) if row.sent_by in (None, process_id)]
        now = shared_now()
        plain_rows.update_rows(
            Request,
            {
                row.pk: {
                    "state": RequestState.SENT,
                    "sent_at": row.sent_at or now,
                    "last_sent_at": now,
                    "times_sent": row.times_sent + 1,
                    "failure": "",  # a process that could not decrypt the request may have set it
                    "sent_by": process_id,
                }
                for row in found
            },
        )
    return {row.pk: True for row in found}


def _note_unreadable(pks: Sequence[int]) -> None:
    noted = Request.objects.filter(pk__in=pks, state__in=OPEN_STATES).exclude(failure=UNREADABLE)
    if count := noted.update(failure=UNREADABLE):
        logger.warning("Requests cannot be sent: this process lacks their CREDENTIAL_KEY.", extra={"count": count})


def _open_rows(integration_id: int, limit: int, *, after: int) -> list[Request]:
    now = shared_now()
    rows = Request.objects.filter(integration=integration_id, state__in=OPEN_STATES, pk__gt=after)
    due = rows.filter(
        Q(state=RequestState.SENT, answer_before__gt=now) | Q(state=RequestState.QUEUED, send_before__gt=now)
    )
    return list(due.order_by("pk")[:limit])


def _unseal_rows(rows: Iterable[Request]) -> tuple[list[Waiting], list[Request]]:
    """Return the requests of these rows, ready to send, and the rows whose key is missing."""
    waiting, unreadable = [], []
    for row in rows:
        try:
            waiting.append(_waiting(row))
        except SealBroken:
            unreadable.append(row)
    return waiting, unreadable


def _waiting(row: Request) -> Waiting:
    """Return a row's request, ready to send. Raises SealBroken."""
    kept = KeptRequest(user_identifier=row.user_identifier, payload=row.payload, sealed=row.sealed_request)
    user_identifier, payload = contents.original_request(kept)
    return Waiting(
        pk=row.pk,
        integration_id=row.integration_id,
        request_id=row.request_id,
        content=Content.of(row)._replace(user_identifier=user_identifier, payload=payload),
        send_before=row.send_before,
        answer_before=row.answer_before,
        was_sent=row.state == RequestState.SENT,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
        disconnects=row.disconnects,
        retry_at=row.retry_at,
        sent_by=row.sent_by,
        last_sent_at=row.last_sent_at,
    )
