"""Store requests, many in one transaction.

Runs in database threads. The relay joins concurrent calls (services/rows/threads.py), so a hundred callers cost one
transaction instead of a hundred.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import transaction

from integrations.models import Presence, Request
from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.services.requests import contents
from integrations.services.requests.queues import Queue, queues_of
from integrations.services.requests.repeats import repeated
from integrations.services.requests.request_types import (
    Ending,
    NewRequest,
    NotStored,
    PosOffline,
    QueueFull,
    Stored,
    TooLate,
)
from integrations.services.requests.secret_members import hide
from integrations.services.rows import plain_rows
from integrations.services.rows.sql_query import SqlQuery


@dataclass(slots=True)
class _Inserted:
    """The keys of a request that was just inserted."""

    uuid: uuid.UUID
    pk: int


_inserted = SqlQuery(
    _Inserted,
    """
    SELECT request.uuid, request.id AS pk
    FROM integrations_request AS request
    WHERE request.uuid {among}
    """,
)


def store(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Store requests in one transaction, and return the outcome of each.

    A POS gets its requests in order of arrival. So a request that could be sent at once is queued if an older request
    of its outlet still waits, or was sent by another process or on a lost connection.
    """
    with transaction.atomic(savepoint=False):
        outcomes = _too_late(new)
        fresh = [each for each in new if each not in outcomes]
        queues = queues_of({each.integration_id for each in fresh})
        # If requests would be refused, look for repeated RequestIDs first. The outcome of a repeated request depends
        # on the earlier request, and not on the queue or the connection.
        if _not_stored(fresh, queues):
            outcomes.update(repeated(fresh))
            fresh = [each for each in fresh if each not in outcomes]
            outcomes.update(_not_stored(fresh, queues))
        outcomes.update(_insert([each for each in fresh if each not in outcomes], queues))
    return outcomes


def online(integration_ids: Sequence[int]) -> dict[int, bool]:
    """Return True for each integration whose POS is connected to any process; leave out the others."""
    if not integration_ids:
        return {}
    rows = Presence.objects.online(shared_now()).filter(pk__in=integration_ids)
    return dict.fromkeys(rows.values_list("pk", flat=True), True)


def record_transient(ended: Sequence[tuple[NewRequest, Ending]]) -> None:
    """Record transient requests after they have ended.

    If a request is already recorded, only its count of attempts with different content is updated.
    """
    _insert_rows(_transient_row(new, ending) for new, ending in ended)
    for new, _ in ended:
        if new.unequal_attempts:
            same = Request.objects.filter(uuid=new.uuid, unequal_attempts__lt=new.unequal_attempts)
            same.update(unequal_attempts=new.unequal_attempts)


def _too_late(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Return TooLate for each request whose deadline for storing has passed; its caller has already got an error."""
    now = shared_now()
    return {each: TooLate() for each in new if each.store_before is not None and each.store_before <= now}


def _not_stored(new: Sequence[NewRequest], queues: Mapping[int, Queue]) -> dict[NewRequest, NotStored]:
    refused: dict[NewRequest, NotStored] = {}
    connected = online([each.integration_id for each in new if each.needs_online and each.socket_at is None])
    waiting = Counter({integration_id: queue.open for integration_id, queue in queues.items()})
    for each in new:
        if each.needs_online and each.socket_at is None and each.integration_id not in connected:
            refused[each] = PosOffline()
        elif waiting[each.integration_id] >= settings.REQUESTS_QUEUED_PER_OUTLET:
            refused[each] = QueueFull()
        else:
            waiting[each.integration_id] += 1
    return refused


def _can_be_sent_now(new: NewRequest, queue: Queue) -> bool:
    return new.has_place and not queue.newest and not queue.has_sent_elsewhere(new.socket_at)


def _insert(new: Sequence[NewRequest], queues: Mapping[int, Queue]) -> dict[NewRequest, Stored | NotStored]:
    """Insert requests and return the outcome of each.

    A request whose RequestID is already used is not inserted, but compared with the earlier request.
    """
    sent_now = {each for each in new if _can_be_sent_now(each, queues[each.integration_id])}
    now = shared_now()
    _insert_rows(_request_row(each, now, is_sent_now=each in sent_now) for each in new)
    pks = {row.uuid: row.pk for row in _inserted.rows([each.uuid.hex for each in new])}
    outcomes: dict[NewRequest, Stored | NotStored] = {
        each: Stored(
            pks[each.uuid],
            each.uuid,
            is_new=True,
            is_sent_now=each in sent_now,
            after=queues[each.integration_id].last_before(each),
        )
        for each in new
        if each.uuid in pks
    }
    return outcomes | repeated([each for each in new if each.uuid not in pks])


_UNUSED = Request()
_COLUMNS = {
    field.attname: getattr(_UNUSED, field.attname) for field in Request._meta.concrete_fields if not field.primary_key
}
_values = itemgetter(*_COLUMNS)


def _insert_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows with these columns; the other columns get their defaults.

    Rows with the same RequestID, in this batch or in the table, are skipped.
    """
    plain_rows.insert_new_rows(Request, tuple(_COLUMNS), (_values(_COLUMNS | row) for row in rows))


def _request_row(new: NewRequest, now: datetime, *, is_sent_now: bool) -> dict[str, Any]:
    kept = contents.keep_request(new.content.user_identifier, new.content.payload)
    sent_at = now if is_sent_now else None
    return _asked(new, kept.user_identifier, kept.payload) | {
        "sealed_request": kept.sealed,
        "send_before": new.send_before,
        "state": RequestState.SENT if is_sent_now else RequestState.QUEUED,
        "stored_at": now,
        "sent_at": sent_at,
        "last_sent_at": sent_at,
        "times_sent": 1 if is_sent_now else 0,
        "sent_by": new.socket_at if is_sent_now else None,
    }


def _transient_row(new: NewRequest, ending: Ending) -> dict[str, Any]:
    # Only the answer is stored with its original text. The request has ended, so its original is never sent again.
    user_identifier, payload = new.content.user_identifier, new.content.payload
    asked = contents.secrets_asked(user_identifier, payload)
    kept = contents.keep_answer(ending.error_message, ending.answer, asked)
    return _asked(new, contents.hide_user(user_identifier), hide(payload)) | {
        "is_durable": False,
        "send_before": new.answer_before,
        "state": ending.state,
        "failure": ending.failure,
        "sent_at": new.received_at if new.was_sent else None,
        "ended_at": ending.at,
        "times_sent": int(new.was_sent),
        "result_code": ending.result_code,
        "error_message": kept.error_message,
        "answer": kept.answer,
        "sealed_answer": kept.sealed,
    }


def _asked(new: NewRequest, user_identifier: str | None, payload: str) -> dict[str, Any]:
    """Return the columns that durable and transient requests have in common.

    `user_identifier` and `payload` are already redacted.
    """
    return {
        "uuid": new.uuid,
        "integration_id": new.integration_id,
        "api_key_id": new.api_key_id,
        "request_id": new.request_id,
        **new.content._replace(user_identifier=user_identifier, payload=payload)._asdict(),
        "is_redacted": True,
        "content_digest": new.content_digest,
        "received_at": new.received_at,
        "answer_before": new.answer_before,
        "correlation_id": new.correlation_id,
        "traceparent": new.traceparent,
        "unequal_attempts": new.unequal_attempts,
    }
