"""The life of a request in the database: stored, sent, ended. Every function is about many at once.

Runs in database threads; the relay joins the concurrent calls (services/rows/threads.py), so that a hundred callers
cost one transaction and not a hundred.
"""

import hmac
import logging
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, UUIDField, Value, When
from django.db.models.functions import Coalesce

from integrations.models import Presence, Request
from integrations.models.clock import shared_now
from integrations.models.request import OPEN_STATES, State
from integrations.security.sealing import SealBroken
from integrations.services import metrics
from integrations.services.requests import contents
from integrations.services.requests.contents import Content, KeptAnswer, KeptRequest, KeyGone
from integrations.services.requests.secret_members import hide
from integrations.services.rows import plain_rows
from integrations.services.rows.look_up import LookUp

SENT_JUST_NOW = timedelta(seconds=3)
SENT_LONG_AGO = timedelta(seconds=60)  # by then each connection has been asked about it often enough
# The RequestID's owner needs none of them: what tries more contents looks for a PIN that was left out of a page.
UNEQUAL_ATTEMPTS = 5
UNREADABLE = "It could not be sent: the process with the POS's connection lacks the CREDENTIAL_KEY that encrypted it."

logger = logging.getLogger(__name__)

ProcessId = uuid.UUID


@dataclass(frozen=True, slots=True, eq=False)
class NewRequest:
    """What is to be stored.

    `needs_online`: refused while the POS is offline. `socket_at`: this process, where it has the POS's socket.
    `has_place`: its frame may leave as soon as it is stored.
    """

    uuid: uuid.UUID
    integration_id: int
    api_key_id: int | None
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None = field(repr=False)
    payload: str = field(repr=False)
    content_digest: str = field(repr=False)
    received_at: datetime
    send_before: datetime
    answer_before: datetime
    needs_online: bool
    socket_at: ProcessId | None = None
    has_place: bool = False
    correlation_id: str = ""
    store_before: datetime | None = None  # its caller waits no longer
    unequal_attempts: int = 0  # of one that was under way before it was stored
    has_left: bool = True  # of one that is not durable, which is stored when it has ended

    @property
    def content(self) -> Content:
        return Content(self.message_type, self.device_id, self.user_identifier, self.payload)


class NotStored(Exception):
    """The request was refused before it was stored."""


class PosOffline(NotStored):
    """The POS is offline, and the request may not wait."""


class TooLate(NotStored):
    """The database could not store the request while its caller waited."""


class QueueFull(NotStored):
    """As many requests as one outlet may have are waiting already."""


class OtherContent(NotStored):
    """The RequestID was used before, with another content."""


class OtherKey(NotStored):
    """The RequestID was used before by another API key, or by staff: the contents are not compared."""


class NotCompared(NotStored):
    """The RequestID was used before, and so often with another content that nothing is compared any more."""


class NotComparable(NotStored):
    """The RequestID was used before; with which content cannot be told any more, as its key is gone."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored request; `is_new` is false where the RequestID had been used with the same content.

    `leaves`: it is stored as sent, and its frame must go out now. `after`: the newest request of its outlet that waited
    before it, 0 for none; None where others come before it which another process or a lost connection has sent.
    """

    pk: int
    uuid: uuid.UUID
    is_new: bool
    leaves: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a request stands.

    `pruned_at`: since when its payload and answer are gone. `is_unreadable`: the answer is there, and its key is not.
    """

    uuid: uuid.UUID
    pk: int
    state: str
    failure: str
    result_code: int | None
    error_message: str | None = field(repr=False)
    answer: str | None = field(repr=False)
    pruned_at: datetime | None = None
    is_unreadable: bool = False

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
    error_message: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request as a process needs it to send it."""

    pk: int
    integration_id: int
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None = field(repr=False)
    payload: str = field(repr=False)
    send_before: datetime
    answer_before: datetime
    was_sent: bool
    correlation_id: str = ""
    disconnects: int = 0
    retry_at: datetime | None = None
    sent_by: uuid.UUID | None = None
    last_sent_at: datetime | None = None

    @classmethod
    def of(cls, new: NewRequest, pk: int, *, was_sent: bool) -> "Waiting":
        """Return a request that was stored this moment, as sent or to be sent."""
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
            was_sent=was_sent,
            correlation_id=new.correlation_id,
        )


def store(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Store requests in one transaction; say of each what became of it.

    A request that was to leave at once is queued where an older one of its outlet still waits, or was sent by another
    process or on a connection that was lost: a POS gets its requests in their order of arrival.
    """
    with transaction.atomic():
        outcomes = _too_late(new)
        outcomes.update(repeated([each for each in new if each not in outcomes]))
        fresh = [each for each in new if each not in outcomes]
        queues = _queues_of({each.integration_id for each in fresh})
        leaving = {each for each in fresh if _leaves_at_once(each, queues[each.integration_id])}
        outcomes.update(_refused(fresh, queues))
        _insert([each for each in fresh if each not in outcomes], leaving)
        outcomes.update(_inserted([each for each in fresh if each not in outcomes], leaving, queues))
    return outcomes


def seen(new: Sequence[NewRequest]) -> dict[NewRequest, bool]:
    """Return True for those whose RequestID may have been used before; only reads."""
    known = {(integration, request_id) for integration, request_id, *_ in _rows_like(new)}
    return {each: True for each in new if (each.integration_id, each.request_id) in known}


def repeated(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Return those whose RequestID was used before: the request that it stands for, or why that is not told."""
    return _repeated_in(_rows_like(new), new)


def online(integration_ids: Sequence[int]) -> dict[int, bool]:
    """Return True for those whose POS is connected to some process; the others are missing."""
    if not integration_ids:
        return {}
    rows = Presence.objects.online(shared_now()).filter(pk__in=integration_ids)
    return dict.fromkeys(rows.values_list("pk", flat=True), True)


def load_open(integration_id: int, limit: int) -> list[Waiting]:
    """Return an integration's first open requests in order of arrival, those that were sent before among them.

    Without those whose original this process cannot unseal: another may have their key. They wait for it until their
    time is over, with the reason written beside them.
    """
    waiting: list[Waiting] = []
    last = 0
    while rows := _open_rows(integration_id, limit - len(waiting), after=last):
        readable, unreadable = _unsealed(rows)
        waiting += readable
        last = rows[-1].pk
        if not unreadable:
            break
        _note_unreadable([row.pk for row in unreadable])
    return waiting


def _note_unreadable(pks: Sequence[int]) -> None:
    noted = Request.objects.filter(pk__in=pks, state__in=OPEN_STATES).exclude(failure=UNREADABLE)
    if count := noted.update(failure=UNREADABLE):
        logger.warning("Requests cannot be sent: this process lacks their CREDENTIAL_KEY.", extra={"count": count})


def overlooked() -> list[tuple[int, int]]:
    """Return integrations with open requests, each with one that its connection should know by now.

    These are the oldest and the newest of what has not left, and what left a little while ago and has no answer: a
    connection may have been lost just when it was handed to it. Two indexed queries.
    """
    now = shared_now()
    queued = Request.objects.filter(state=State.QUEUED).order_by()
    sent = Request.objects.filter(state=State.SENT, sent_at__range=(now - SENT_LONG_AGO, now - SENT_JUST_NOW))
    ends = queued.values_list("integration").annotate(Min("pk"), Max("pk"))
    waiting = [(integration_id, pk) for integration_id, oldest, newest in ends for pk in (oldest, newest)]
    return [*waiting, *sent.order_by("pk").values_list("integration", "pk")]


def claim(pks: Sequence[int], process_id: uuid.UUID) -> dict[int, bool]:
    """Write that these leave now by this process, before they do.

    Those that are missing from the answer have ended meanwhile, or another process has sent them.
    """
    with transaction.atomic():
        open_ones = Request.objects.select_for_update().filter(pk__in=pks, state__in=OPEN_STATES).order_by("pk")
        open_ones = open_ones.filter(Q(sent_by=None) | Q(sent_by=process_id))
        found = list(open_ones.values_list("pk", flat=True))
        now = shared_now()
        Request.objects.filter(pk__in=found).update(
            state=State.SENT,
            sent_at=Coalesce("sent_at", now),
            last_sent_at=now,
            times_sent=F("times_sent") + 1,
            failure="",  # of a process that could not read it
            sent_by=process_id,
        )
    return dict.fromkeys(found, True)


def end(endings: Sequence[Ending]) -> dict[Ending, Result]:
    """End requests; of one that had ended already the first end stands. Return how each stands now."""
    with transaction.atomic():
        still_open = {row[0]: _Open(*row) for row in _open_ones.rows([ending.pk for ending in endings])}
        ended = {ending.pk: ending for ending in reversed(endings) if ending.pk in still_open}
        _write_endings([(ending, still_open[pk].sealed_request) for pk, ending in ended.items()])
    _count(still_open.values(), ended)
    earlier = [ending.pk for ending in endings if ended.get(ending.pk) is not ending]
    now = results(earlier) if earlier else {}
    done = {ending: _result_now(still_open[pk], ending) for pk, ending in ended.items()}
    return done | {ending: now[ending.pk] for ending in endings if ending not in done and ending.pk in now}


def expire_due() -> list[int]:
    """End what is overdue: not sent in time, or not answered in time. Return the primary keys."""
    now = shared_now()
    due = Q(state=State.QUEUED, send_before__lte=now) | Q(state=State.SENT, answer_before__lte=now)
    ids = list(Request.objects.filter(due).values_list("pk", flat=True)[:500])
    if ids:
        expired = Request.objects.filter(due, pk__in=ids).update(state=State.EXPIRED, ended_at=now, sealed_request=None)
        metrics.requests_ended[State.EXPIRED].inc(expired)
    return ids


def cancel(request: Request) -> bool:
    """Take back a request that has not left yet; False when it has, or has ended."""
    queued = Request.objects.filter(pk=request.pk, state=State.QUEUED)
    cancelled = queued.update(state=State.CANCELLED, ended_at=shared_now(), sealed_request=None)
    metrics.requests_ended[State.CANCELLED].inc(cancelled)
    return bool(cancelled)


def results(pks: Sequence[int]) -> dict[int, Result]:
    """Return how these requests stand."""
    rows = Request.objects.defer("payload", "sealed_request").in_bulk(pks)
    return {pk: result_of(row) for pk, row in rows.items()}


def result_of(row: Request) -> Result:
    """Return how a request stands, with the POS's answer as the POS sent it."""
    kept = KeptAnswer(row.error_message, row.answer, row.sealed_answer)
    is_unreadable = False
    try:
        error_message, answer = contents.original_answer(kept)
    except SealBroken:
        error_message, answer, is_unreadable = kept.error_message, None, True
    return replace(readable_result_of(row), error_message=error_message, answer=answer, is_unreadable=is_unreadable)


def readable_result_of(row: Request) -> Result:
    """Return how a request stands, with what the POS answered as far as everybody may read it."""
    standing = (row.uuid, row.pk, row.state, row.failure, row.result_code)
    return Result(*standing, row.error_message, row.answer, row.content_pruned_at)


def record_fleeting(ended: Iterable[tuple[NewRequest, Ending]]) -> None:
    """Record requests that were not durable, after they have ended.

    One that is there already gets the count of unequal attempts that were made while it was written.
    """
    rows = [_fleeting_row(new, ending) for new, ending in ended]
    _insert_rows(rows)
    for row in rows:
        if row.unequal_attempts:
            same = Request.objects.filter(uuid=row.uuid, unequal_attempts__lt=row.unequal_attempts)
            same.update(unequal_attempts=row.unequal_attempts)


def _rows_like(new: Sequence[NewRequest]) -> Sequence[Sequence[Any]]:
    """Return what stands under the RequestIDs of these requests, and of others of the same outlets."""
    return list(_by_request_id.rows([each.integration_id for each in new], [each.request_id for each in new]))


def _repeated_in(rows: Iterable[Sequence[Any]], new: Iterable[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    known = {(integration, request_id): pk for integration, request_id, pk, _ in rows}
    earlier = {
        each: known[each.integration_id, each.request_id]
        for each in new
        if (each.integration_id, each.request_id) in known
    }
    return _compared(earlier) if earlier else {}


def _compared(earlier: Mapping[NewRequest, int]) -> dict[NewRequest, Stored | NotStored]:
    """Compare requests with the rows that have their RequestIDs, and count what is unequal.

    Locked meanwhile: however many ask at the same moment, in whatever process, no more are compared than may be.
    """
    with transaction.atomic():
        rows = Request.objects.select_for_update(no_key=True).filter(pk__in=set(earlier.values())).order_by("pk")
        locked = {row[0]: _Earlier(*row) for row in rows.values_list(*_EARLIER)}
        outcomes = {new: _same_or_other(new, locked[pk]) for new, pk in earlier.items() if pk in locked}
        counted = [(row.pk, row.unequal_attempts) for row in locked.values() if row.has_changed]
        plain_rows.update(Request, ("unequal_attempts",), counted)
    return outcomes


def _same_or_other(new: NewRequest, row: "_Earlier") -> Stored | NotStored:
    if new.api_key_id != row.api_key_id:
        return OtherKey()
    if row.unequal_attempts >= UNEQUAL_ATTEMPTS:
        return NotCompared()
    try:
        is_same = is_same_content(new, row.content_digest)
    except KeyGone:
        return NotComparable()
    if is_same:
        return Stored(row.pk, row.uuid, is_new=False)
    row.unequal_attempts += 1
    row.has_changed = True
    return OtherContent()


def is_same_content(new: NewRequest, digest: str) -> bool:
    """Return whether a digest is that of what is asked. Raises KeyGone."""
    return hmac.compare_digest(digest, new.content_digest) or contents.is_digest_of(digest, new.content)


def _open_rows(integration_id: int, limit: int, *, after: int) -> list[Request]:
    now = shared_now()
    rows = Request.objects.filter(integration=integration_id, state__in=OPEN_STATES, pk__gt=after)
    due = rows.filter(Q(state=State.SENT, answer_before__gt=now) | Q(state=State.QUEUED, send_before__gt=now))
    return list(due.order_by("pk")[:limit])


def _unsealed(rows: Iterable[Request]) -> tuple[list[Waiting], list[Request]]:
    """Return these rows as they are to be sent, and those whose key is gone."""
    waiting, unreadable = [], []
    for row in rows:
        try:
            waiting.append(_waiting(row))
        except SealBroken:
            unreadable.append(row)
    return waiting, unreadable


def _too_late(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Return those whose callers were told, while this waited for the database, that they were not stored."""
    now = shared_now()
    return {each: TooLate() for each in new if each.store_before is not None and each.store_before <= now}


def _refused(new: Sequence[NewRequest], queues: Mapping[int, "_Queue"]) -> dict[NewRequest, NotStored]:
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


def _queues_of(integration_ids: Iterable[int]) -> Mapping[int, "_Queue"]:
    queues: defaultdict[int, _Queue] = defaultdict(_Queue)
    for integration_id, holder, count, newest in _queues.rows(list(integration_ids)):
        queues[integration_id].counts[holder] = count
        if holder == _NOBODY:
            queues[integration_id].newest = newest
    return queues


def _leaves_at_once(new: NewRequest, queue: "_Queue") -> bool:
    return new.has_place and not queue.newest and not queue.has_sent_elsewhere(new.socket_at)


def _insert(new: Sequence[NewRequest], leaving: Set[NewRequest]) -> None:
    kept = [contents.keep_request(each.user_identifier, each.payload) for each in new]
    now = shared_now()
    _insert_rows(_row(each, its, now, leaves=each in leaving) for each, its in zip(new, kept, strict=True))


def _insert_rows(rows: Iterable[Request]) -> None:
    # Conflicts: the same RequestID twice in one batch, or in another process at this moment.
    plain_rows.insert(Request, _COLUMNS, map(attrgetter(*_COLUMNS), rows), ignore_conflicts=True)


def _row(new: NewRequest, kept: KeptRequest, now: datetime, *, leaves: bool) -> Request:
    sent_at = now if leaves else None
    return Request(
        **_asked(new, kept.user_identifier, kept.payload),
        sealed_request=kept.sealed,
        send_before=new.send_before,
        state=State.SENT if leaves else State.QUEUED,
        stored_at=now,
        sent_at=sent_at,
        last_sent_at=sent_at,
        times_sent=1 if leaves else 0,
        sent_by=new.socket_at if leaves else None,
    )


def _fleeting_row(new: NewRequest, ending: Ending) -> Request:
    # It has ended, so nobody will send it again: of what was asked no original is kept, of the answer one is.
    asked = contents.secrets_asked(new.user_identifier, new.payload)
    said = contents.keep_answer(ending.error_message, ending.answer, asked)
    return Request(
        **_asked(new, contents.hide_user(new.user_identifier), hide(new.payload)),
        is_durable=False,
        send_before=new.answer_before,
        state=ending.state,
        failure=ending.failure,
        sent_at=new.received_at if new.has_left else None,
        ended_at=ending.at,
        times_sent=int(new.has_left),
        result_code=ending.result_code,
        error_message=said.error_message,
        answer=said.answer,
        sealed_answer=said.sealed,
    )


def _asked(new: NewRequest, user_identifier: str | None, payload: str) -> dict[str, Any]:
    """Return the columns of what was asked; user and payload as they may be read."""
    return {
        "uuid": new.uuid,
        "integration_id": new.integration_id,
        "api_key_id": new.api_key_id,
        "request_id": new.request_id,
        "message_type": new.message_type,
        "device_id": new.device_id,
        "user_identifier": user_identifier,
        "payload": payload,
        "is_redacted": True,
        "content_digest": new.content_digest,
        "received_at": new.received_at,
        "answer_before": new.answer_before,
        "correlation_id": new.correlation_id,
        "unequal_attempts": new.unequal_attempts,
    }


def _inserted(
    new: Sequence[NewRequest], leaving: Set[NewRequest], queues: Mapping[int, "_Queue"]
) -> dict[NewRequest, Stored | NotStored]:
    rows = _rows_like(new)
    pks = {row_uuid: pk for _, _, pk, row_uuid in rows}
    outcomes: dict[NewRequest, Stored | NotStored] = {
        each: Stored(
            pks[each.uuid],
            each.uuid,
            is_new=True,
            leaves=each in leaving,
            after=queues[each.integration_id].last_before(each),
        )
        for each in new
        if each.uuid in pks
    }
    return outcomes | _repeated_in(rows, [each for each in new if each.uuid not in pks])


def _write_endings(endings: Iterable[tuple[Ending, str | None]]) -> None:
    """Write how requests ended; what was to be sent, which is given beside each, is not needed any more."""
    names = ("state", "failure", "ended_at", "result_code", "error_message", "answer", "sealed_answer")
    rows = []
    for each, sealed in endings:
        asked = contents.secrets_sealed(sealed) if each.error_message or each.answer else contents.NOTHING
        kept = contents.keep_answer(each.error_message, each.answer, asked)
        said = (each.result_code, kept.error_message, kept.answer, kept.sealed)
        rows.append((each.pk, each.state, each.failure, each.at, *said, None))
    plain_rows.update(Request, (*names, "sealed_request"), rows)


def _count(still_open: Iterable["_Open"], ended: Mapping[int, Ending]) -> None:
    for row in still_open:
        ending = ended[row.pk]
        metrics.request_ended(ending.state, (ending.at - row.received_at).total_seconds())


def _waiting(row: Request) -> Waiting:
    """Return a row as it is to be sent. Raises SealBroken."""
    kept = KeptRequest(row.user_identifier, row.payload, row.sealed_request)
    user_identifier, payload = contents.original_request(kept)
    return Waiting(
        row.pk,
        row.integration_id,
        row.request_id,
        row.message_type,
        row.device_id,
        user_identifier,
        payload,
        row.send_before,
        row.answer_before,
        row.state == State.SENT,
        row.correlation_id,
        row.disconnects,
        row.retry_at,
        row.sent_by,
        row.last_sent_at,
    )


def _result_now(row: "_Open", ending: Ending) -> Result:
    """Return what ended this moment, without unsealing what was sealed this moment."""
    said = (ending.result_code, ending.error_message, ending.answer)
    return Result(row.uuid, row.pk, str(ending.state), ending.failure, *said)


@dataclass(slots=True)
class _Earlier:
    """A request whose RequestID came again."""

    pk: int
    uuid: uuid.UUID
    api_key_id: int | None
    content_digest: str = field(repr=False)
    unequal_attempts: int
    has_changed: bool = False


_EARLIER = ("pk", "uuid", "api_key", "content_digest", "unequal_attempts")


# --- The questions of every request: their SQL is made once


class _Open(NamedTuple):
    """An open request, as its end needs it."""

    pk: int
    uuid: uuid.UUID
    received_at: datetime
    sealed_request: str | None


def _rows_by_request_id(integration_ids: Sequence[int], request_ids: Sequence[str]) -> QuerySet[Request, Any]:
    """Return the rows of these integrations with these RequestIDs: more than the pairs, and no others are asked for."""
    rows = Request.objects.filter(integration__in=integration_ids, request_id__in=request_ids).order_by()
    return rows.values_list("integration", "request_id", "pk", "uuid")


_SUSPECT = uuid.UUID(int=0)  # instead of a holder: newer requests go first (services/requests/retries.py)
_NOBODY = uuid.UUID(int=1)  # of what has not been sent


@dataclass(slots=True)
class _Queue:
    """How many requests of an outlet are open, by the process that has sent them; None: the one that did lost its POS.

    `newest`: the last of those that have not been sent, 0 for none.
    """

    counts: dict[uuid.UUID | None, int] = field(default_factory=dict)
    newest: int = 0

    @property
    def open(self) -> int:
        return sum(self.counts.values())

    def has_sent_elsewhere(self, process_id: uuid.UUID | None) -> bool:
        """Return whether some were sent, and their answers are not awaited by this process."""
        return any(holder not in (process_id, _SUSPECT, _NOBODY) for holder in self.counts)

    def last_before(self, new: NewRequest) -> int | None:
        """Return what `Stored.after` is."""
        return None if self.has_sent_elsewhere(new.socket_at) else self.newest


def _count_open(integration_ids: Sequence[int]) -> QuerySet[Request, Any]:
    waiting = Request.objects.filter(integration__in=integration_ids, state__in=OPEN_STATES).order_by()
    # Of what is queued no other column is read: the index has them all, and there may be a thousand.
    is_queued = When(state=State.QUEUED, then=Value(_NOBODY, UUIDField()))
    is_suspect = When(disconnects__gt=0, then=Value(_SUSPECT, UUIDField()))
    holder = Case(is_queued, is_suspect, default=F("sent_by"))
    counted = waiting.annotate(holder=holder).values_list("integration", "holder")
    return counted.annotate(Count("pk"), Max("pk"))


def _lock_open(pks: Sequence[int]) -> QuerySet[Request, Any]:
    rows = Request.objects.select_for_update().filter(pk__in=pks, state__in=OPEN_STATES)
    return rows.order_by("pk").values_list("pk", "uuid", "received_at", "sealed_request")


_COLUMNS = tuple(field.attname for field in Request._meta.concrete_fields if not field.primary_key)
_by_request_id = LookUp(_rows_by_request_id, int, str)
_queues = LookUp(_count_open, int)
_open_ones = LookUp(_lock_open, int)
