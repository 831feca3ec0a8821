"""The life of a request in the database: stored, sent, ended. Every function is about many at once.

Runs in database threads; the relay joins the concurrent calls (relay/database.py), so that a hundred callers cost
one transaction and not a hundred.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from integrations import metrics
from integrations.clock import shared_now
from integrations.models import Presence, Request
from integrations.models.request import OPEN_STATES, State

SENT_JUST_NOW = timedelta(seconds=3)
SENT_LONG_AGO = timedelta(seconds=60)  # by then each connection has been asked about it often enough


@dataclass(frozen=True, slots=True, eq=False)
class NewRequest:
    """What is to be stored.

    `needs_online`: refused while the POS is offline. `is_here`: this process has its socket.
    """

    uuid: uuid.UUID
    integration_id: int
    api_key_id: int | None
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None
    payload: str = field(repr=False)
    content_digest: str
    received_at: datetime
    send_before: datetime
    answer_before: datetime
    needs_online: bool
    is_here: bool
    is_leaving: bool  # its frame goes out as soon as it is stored
    correlation_id: str = ""


class NotStored(Exception):
    """The request was refused before it was stored."""


class PosOffline(NotStored):
    """The POS is offline, and the request may not wait."""


class QueueFull(NotStored):
    """As many requests as one outlet may have are waiting already."""


class OtherContent(NotStored):
    """The RequestID was used before, with another content."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored request; `is_new` is false where the RequestID had been used with the same content."""

    pk: int
    uuid: uuid.UUID
    is_new: bool


@dataclass(frozen=True, slots=True)
class Result:
    """How a request stands."""

    uuid: uuid.UUID
    pk: int
    state: str
    failure: str
    result_code: int | None
    error_message: str | None
    answer: str | None = field(repr=False)

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """An open request's end; an answer carries its code, text and payload."""

    pk: int
    state: State
    at: datetime
    failure: str = ""
    result_code: int | None = None
    error_message: str | None = None
    answer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request as a process needs it to send it."""

    pk: int
    integration_id: int
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None
    payload: str = field(repr=False)
    send_before: datetime
    answer_before: datetime
    was_sent: bool
    correlation_id: str = ""

    @classmethod
    def of(cls, new: NewRequest, pk: int) -> "Waiting":
        """Return a request that was stored this moment, to be sent."""
        return cls(
            pk,
            new.integration_id,
            new.request_id,
            new.message_type,
            new.device_id,
            new.user_identifier,
            new.payload,
            new.send_before,
            new.answer_before,
            was_sent=True,
            correlation_id=new.correlation_id,
        )


def content_digest(message_type: int, device_id: str, user_identifier: str | None, payload: str) -> str:
    """Return what tells two contents under one RequestID apart."""
    content = json.dumps([message_type, device_id, user_identifier, payload])
    return hashlib.sha256(content.encode()).hexdigest()


def store(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Store requests in one transaction; say of each what became of it."""
    with transaction.atomic():
        outcomes = repeated(new)
        fresh = [each for each in new if each not in outcomes]
        outcomes.update(_refused(fresh))
        _insert([each for each in fresh if each not in outcomes])
        outcomes.update(_inserted([each for each in fresh if each not in outcomes]))
    return outcomes


def repeated(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Return those whose RequestID was used before: the request that it stands for, or OtherContent."""
    wanted = {(each.integration_id, each.request_id) for each in new}
    rows = Request.objects.filter(
        integration__in={pk for pk, _ in wanted}, request_id__in={text for _, text in wanted}
    ).values_list("integration", "request_id", "content_digest", "pk", "uuid")
    known = {
        (integration, request_id): (digest, pk, row_uuid) for integration, request_id, digest, pk, row_uuid in rows
    }
    return {
        each: _same_or_other(each, *known[each.integration_id, each.request_id])
        for each in new
        if (each.integration_id, each.request_id) in known
    }


def online(integration_ids: Sequence[int]) -> dict[int, bool]:
    """Return True for those whose POS is connected to some process; the others are missing."""
    if not integration_ids:
        return {}
    rows = Presence.objects.online(timezone.now()).filter(pk__in=integration_ids)
    return dict.fromkeys(rows.values_list("pk", flat=True), True)


def load_open(integration_id: int, limit: int) -> list[Waiting]:
    """Return an integration's first open requests in order of arrival, those that were sent before among them."""
    now = shared_now()
    rows = (
        Request.objects.filter(integration=integration_id, state__in=OPEN_STATES)
        .filter(Q(state=State.SENT, answer_before__gt=now) | Q(state=State.QUEUED, send_before__gt=now))
        .order_by("pk")[:limit]
    )
    return [_waiting(row) for row in rows]


def overlooked() -> list[tuple[int, int]]:
    """Return integrations with open requests, each with one that its connection should know by now.

    These are the newest of what has not left, and what left a little while ago and has no answer: a connection may
    have been lost just when it was handed to it. Two indexed queries.
    """
    now = shared_now()
    queued = Request.objects.filter(state=State.QUEUED).order_by()
    sent = Request.objects.filter(state=State.SENT, sent_at__range=(now - SENT_LONG_AGO, now - SENT_JUST_NOW))
    newest = queued.values_list("integration").annotate(Max("pk"))
    return [*newest, *sent.order_by("pk").values_list("integration", "pk")]


def claim(pks: Sequence[int]) -> dict[int, bool]:
    """Write that these leave now, before they do; those that are missing from the answer have ended meanwhile."""
    with transaction.atomic():
        open_ones = Request.objects.select_for_update().filter(pk__in=pks, state__in=OPEN_STATES).order_by("pk")
        found = list(open_ones.values_list("pk", flat=True))
        Request.objects.filter(pk__in=found).update(
            state=State.SENT, sent_at=Coalesce("sent_at", shared_now()), times_sent=F("times_sent") + 1
        )
    return dict.fromkeys(found, True)


def end(endings: Sequence[Ending]) -> dict[Ending, Result]:
    """End requests; of one that had ended already the first end stands. Return how each stands now."""
    with transaction.atomic():
        rows = Request.objects.select_for_update().order_by("pk").in_bulk([ending.pk for ending in endings])
        changed = []
        for ending in endings:
            row = rows.get(ending.pk)
            if row is not None and row.is_open:
                _fill_in(row, ending)
                changed.append(row)
        _write_endings(changed)
    _count(changed)
    return {ending: _result(rows[ending.pk]) for ending in endings if ending.pk in rows}


def expire_due() -> list[int]:
    """End what is overdue: not sent in time, or not answered in time. Return the primary keys."""
    now = shared_now()
    due = Q(state=State.QUEUED, send_before__lte=now) | Q(state=State.SENT, answer_before__lte=now)
    ids = list(Request.objects.filter(due).values_list("pk", flat=True)[:500])
    if ids:
        expired = Request.objects.filter(due, pk__in=ids).update(state=State.EXPIRED, ended_at=now)
        metrics.requests_ended[State.EXPIRED].inc(expired)
    return ids


def cancel(request: Request) -> bool:
    """Take back a request that has not left yet; False when it has, or has ended."""
    queued = Request.objects.filter(pk=request.pk, state=State.QUEUED)
    cancelled = queued.update(state=State.CANCELLED, ended_at=shared_now())
    metrics.requests_ended[State.CANCELLED].inc(cancelled)
    return bool(cancelled)


def results(pks: Sequence[int]) -> dict[int, Result]:
    """Return how these requests stand."""
    return {pk: _result(row) for pk, row in Request.objects.in_bulk(pks).items()}


def record_fleeting(rows: Iterable[Request]) -> None:
    """Record requests that were not durable, after they have ended."""
    Request.objects.bulk_create(rows, ignore_conflicts=True)


def _same_or_other(new: NewRequest, digest: str, pk: int, row_uuid: uuid.UUID) -> Stored | NotStored:
    return Stored(pk, row_uuid, is_new=False) if digest == new.content_digest else OtherContent()


def _refused(new: Sequence[NewRequest]) -> dict[NewRequest, NotStored]:
    refused: dict[NewRequest, NotStored] = {}
    connected = online([each.integration_id for each in new if each.needs_online and not each.is_here])
    waiting = _queue_lengths({each.integration_id for each in new})
    for each in new:
        if each.needs_online and not each.is_here and each.integration_id not in connected:
            refused[each] = PosOffline()
        elif waiting[each.integration_id] >= settings.REQUESTS_QUEUED_PER_OUTLET:
            refused[each] = QueueFull()
        else:
            waiting[each.integration_id] += 1
    return refused


def _queue_lengths(integration_ids: Iterable[int]) -> Counter[int]:
    waiting = Request.objects.filter(integration__in=integration_ids, state__in=OPEN_STATES).order_by()
    return Counter(dict(waiting.values_list("integration").annotate(Count("pk"))))


def _insert(new: Sequence[NewRequest]) -> None:
    Request.objects.bulk_create(
        [
            Request(
                uuid=each.uuid,
                integration_id=each.integration_id,
                api_key_id=each.api_key_id,
                request_id=each.request_id,
                message_type=each.message_type,
                device_id=each.device_id,
                user_identifier=each.user_identifier,
                payload=each.payload,
                content_digest=each.content_digest,
                received_at=each.received_at,
                send_before=each.send_before,
                answer_before=each.answer_before,
                state=State.SENT if each.is_leaving else State.QUEUED,
                sent_at=each.received_at if each.is_leaving else None,
                times_sent=1 if each.is_leaving else 0,
                correlation_id=each.correlation_id,
            )
            for each in new
        ],
        ignore_conflicts=True,  # the same RequestID twice in one batch, or in another process at this moment
    )


def _inserted(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    pks = dict(Request.objects.filter(uuid__in=[each.uuid for each in new]).values_list("uuid", "pk"))
    outcomes: dict[NewRequest, Stored | NotStored] = {
        each: Stored(pks[each.uuid], each.uuid, is_new=True) for each in new if each.uuid in pks
    }
    return outcomes | repeated([each for each in new if each.uuid not in pks])


def _fill_in(row: Request, ending: Ending) -> None:
    row.state, row.ended_at, row.failure = ending.state, ending.at, ending.failure
    row.result_code, row.error_message, row.answer = ending.result_code, ending.error_message, ending.answer


def _write_endings(rows: Sequence[Request]) -> None:
    """Write how these rows ended. bulk_update would spend most of a request's time on building its SQL."""
    at = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE integrations_request SET state = %s, failure = %s, ended_at = %s, result_code = %s, "
            "error_message = %s, answer = %s WHERE id = %s",
            [
                (str(row.state), row.failure, at(row.ended_at), row.result_code, row.error_message, row.answer, row.pk)
                for row in rows
            ],
        )


def _count(rows: Iterable[Request]) -> None:
    for row in rows:
        if row.ended_at is not None:
            metrics.request_ended(row.state, (row.ended_at - row.received_at).total_seconds())


def _waiting(row: Request) -> Waiting:
    return Waiting(
        row.pk,
        row.integration_id,
        row.request_id,
        row.message_type,
        row.device_id,
        row.user_identifier,
        row.payload,
        row.send_before,
        row.answer_before,
        row.state == State.SENT,
        row.correlation_id,
    )


def _result(row: Request) -> Result:
    return Result(row.uuid, row.pk, row.state, row.failure, row.result_code, row.error_message, row.answer)
