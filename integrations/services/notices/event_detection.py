"""Detect events by reading the rows that the rest of the portal writes anyway. Runs in a database thread.

The module reads no rows for event kinds without subscribers. Each poll reads a bounded number of rows; the next poll
continues. This module decides which rows are new events; `outbox` stores the events.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.models import AuditEvent, AuthAttempt, Delivery, Notice, NoticeCursor, Request, UnrecognisedFrame
from integrations.models.attempt import REFUSALS
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.services.notices import outbox, presences
from integrations.services.notices.outbox import Subscriber
from integrations.services.overlaps import OVERLAPS
from integrations.text.moments import iso

LOOK_BACK = timedelta(seconds=60)
BATCH = 400
BATCHES_PER_POLL = 5

# The audited actions that subscribers get as events. They are detected from audit events.
# An action does not store its event itself, because its transaction would hold the lock of the event log.
CHANGES: dict[Verb, NoticeKind] = {
    Verb.ENABLED: NoticeKind.OUTLET_ENABLED,
    Verb.REENABLED: NoticeKind.OUTLET_ENABLED,
    Verb.DISABLED: NoticeKind.OUTLET_DISABLED,
    Verb.SECRET_ROTATED: NoticeKind.SECRET_ROTATED,
    Verb.UNUSED_SECRET_REPLACED: NoticeKind.SECRET_ROTATED,
}

# The event kinds that each cursor covers. forget_unwanted() deletes a cursor if none of its kinds has a subscriber.
CURSORS: dict[str, tuple[str, ...]] = {
    "changes": tuple(dict.fromkeys(CHANGES.values())),
    "requests": (NoticeKind.REQUEST_FINISHED,),
    "attempts": (NoticeKind.AUTHENTICATION_REFUSED,),
    "unrecognised_frames": (NoticeKind.UNRECOGNISED_FRAME,),
    "presences": (NoticeKind.OUTLET_ONLINE, NoticeKind.OUTLET_OFFLINE),
}


def poll() -> None:
    """Detect new events once: read the new rows of each kind that has a subscriber."""
    subscribers = outbox.subscribers()
    forget_unwanted(subscribers)
    for name, notice in SOURCES.items():
        wanted_by = [each for each in subscribers if set(CURSORS[name]) & set(each.kinds)]
        if wanted_by:
            now = shared_now()
            notice(wanted_by, advance(name, now, since=_created(wanted_by, now)), now)


def advance(name: str, now: datetime, *, since: datetime) -> NoticeCursor:
    """Return the cursor for this poll; create one that begins at `since` if there is none.

    The caller reads the rows from the cursor's `at` on.
    """
    begin = {"begun_at": now, "at": since, "mark": now, "polled_at": now}
    with transaction.atomic():
        cursor, is_new = NoticeCursor.objects.get_or_create(name=name, defaults=begin)
        if is_new and name == "presences":
            presences.mark_online_as_reported(now)
    if now - cursor.mark >= LOOK_BACK:
        cursor.at, cursor.mark = cursor.mark, now
    return cursor


def forget_unwanted(subscribers: Iterable[Subscriber]) -> None:
    """Delete cursors of event kinds without subscribers. A later subscriber gets only events from its creation on."""
    wanted = {kind for each in subscribers for kind in each.kinds}
    unwanted = [name for name, kinds in CURSORS.items() if not wanted & set(kinds)]
    if "presences" in unwanted:
        presences.forget()
    NoticeCursor.objects.filter(name__in=unwanted).delete()


def notice_changes(wanted_by: Sequence[Subscriber], cursor: NoticeCursor, now: datetime) -> None:
    wanted = Q()
    for each in wanted_by:
        verbs = [verb for verb, kind in CHANGES.items() if kind in each.kinds]
        owner = {} if each.organisation_id is None else {"integration__outlet__organisation": each.organisation_id}
        wanted |= Q(verb__in=verbs, **owner)
    rows = AuditEvent.objects.filter(wanted, at__gte=cursor.at, integration__outlet__isnull=False)
    rows = rows.select_related(outbox.WITH_OUTLET).order_by("at", "id")
    _store_new(rows, CURSORS["changes"], _of_change, wanted_by, cursor, now)


def notice_requests(wanted_by: Sequence[Subscriber], cursor: NoticeCursor, now: datetime) -> None:
    rows = Request.objects.filter(ended_at__gte=cursor.at).select_related(outbox.WITH_OUTLET)
    rows = rows.defer("payload", "answer", "error_message", "sealed_request", "sealed_answer")
    _notice(rows.order_by("ended_at", "id"), NoticeKind.REQUEST_FINISHED, _of_request, wanted_by, cursor, now)


def notice_attempts(wanted_by: Sequence[Subscriber], cursor: NoticeCursor, now: datetime) -> None:
    rows = AuthAttempt.objects.filter(at__gte=cursor.at, outcome__in=REFUSALS).select_related(outbox.WITH_OUTLET)
    _notice(rows.order_by("at", "id"), NoticeKind.AUTHENTICATION_REFUSED, _of_attempt, wanted_by, cursor, now)


def notice_unrecognised_frames(wanted_by: Sequence[Subscriber], cursor: NoticeCursor, now: datetime) -> None:
    rows = UnrecognisedFrame.objects.filter(at__gte=cursor.at).select_related(outbox.WITH_OUTLET).defer("excerpt")
    _notice(rows.order_by("at", "id"), NoticeKind.UNRECOGNISED_FRAME, _of_unrecognised_frame, wanted_by, cursor, now)


SOURCES: dict[str, Callable[[Sequence[Subscriber], NoticeCursor, datetime], None]] = {
    "changes": notice_changes,
    "presences": presences.notice,
    "requests": notice_requests,
    "attempts": notice_attempts,
    "unrecognised_frames": notice_unrecognised_frames,
}


def _notice(
    rows: QuerySet[Any],
    kind: NoticeKind,
    notice_of: Callable[[Any], Notice],
    wanted_by: Sequence[Subscriber],
    cursor: NoticeCursor,
    now: datetime,
) -> None:
    wanted_rows = _of_wanted(rows, [each for each in wanted_by if kind in each.kinds])
    _store_new(wanted_rows, [kind], notice_of, wanted_by, cursor, now)


def _store_new(
    rows: QuerySet[Any],
    kinds: Sequence[str],
    notice_of: Callable[[Any], Notice],
    wanted_by: Sequence[Subscriber],
    cursor: NoticeCursor,
    now: datetime,
) -> None:
    """Store events for the rows that have none yet. The cursor advances only when no row is left.

    Pass only rows that a subscriber wants, because other rows would get no event, and each poll would read them again.
    """
    reported = Notice.objects.filter(kind__in=kinds, subject=OuterRef("pk"))
    news = rows.exclude(Exists(reported))
    for _ in range(BATCHES_PER_POLL):
        batch = list(news[:BATCH])
        outbox.store_events([notice_of(row) for row in batch], wanted_by, now=now)
        if len(batch) < BATCH:
            cursor.polled_at = now
            cursor.save()
            return


def _of_wanted(rows: QuerySet[Any], wanted_by: Sequence[Subscriber]) -> QuerySet[Any]:
    organisations = {each.organisation_id for each in wanted_by}
    if None in organisations:
        return rows
    return rows.filter(integration__outlet__organisation__in=organisations)


def _created(wanted_by: Sequence[Subscriber], now: datetime) -> datetime:
    """Return the earliest creation time of the subscribers created within LOOK_BACK; `now` if there is none."""
    return min([now, *(each.created_at for each in wanted_by if now - each.created_at <= LOOK_BACK)])


def _of_change(row: AuditEvent) -> Notice:
    kind = CHANGES[Verb(row.verb)]
    return outbox.of_integration(
        row.integration, kind=kind, subject=row.pk, at=row.at, data=_DATA[kind](row) | {"by": row.actor_kind.value}
    )


def _of_enabling(row: AuditEvent) -> dict[str, Any]:
    remote_id = row.integration.pos_remote_id if row.integration else ""
    return {"pos_remote_id": remote_id, "is_first_time": row.verb == Verb.ENABLED}


def _of_disabling(row: AuditEvent) -> dict[str, Any]:
    return {"reason": row.detail["reason"]}


def _of_rotation(row: AuditEvent) -> dict[str, Any]:
    if overlap := OVERLAPS.get(row.detail.get("overlap", "")):
        return {"overlap_ends_at": iso(row.at + overlap)}
    older = row.integration.older_secret(row.at) if row.integration and row.verb != Verb.SECRET_ROTATED else None
    return {"overlap_ends_at": iso(older.expires_at) if older and older.expires_at else None}


_DATA: dict[NoticeKind, Callable[[AuditEvent], dict[str, Any]]] = {
    NoticeKind.OUTLET_ENABLED: _of_enabling,
    NoticeKind.OUTLET_DISABLED: _of_disabling,
    NoticeKind.SECRET_ROTATED: _of_rotation,
}


def _of_request(row: Request) -> Notice:
    ended_at = row.ended_at or row.received_at
    data = {
        "request": str(row.uuid),
        "request_id": row.request_id,
        "message_type": row.message_type,
        "state": row.state,
        "result_code": row.result_code,
        "received_at": iso(row.received_at),
        "ended_at": iso(ended_at),
        "duration_ms": int((ended_at - row.received_at).total_seconds() * 1000),
    }
    if row.traceparent:
        data["traceparent"] = row.traceparent
    return outbox.of_integration(
        row.integration, kind=NoticeKind.REQUEST_FINISHED, subject=row.pk, at=ended_at, data=data
    )


def _of_attempt(row: AuthAttempt) -> Notice:
    data = {"door": row.endpoint, "reason": row.outcome, "provider_outlet_id": row.provider_outlet_id}
    data["address"] = row.address
    return outbox.of_integration(
        row.integration, kind=NoticeKind.AUTHENTICATION_REFUSED, subject=row.pk, at=row.at, data=data
    )


def _of_unrecognised_frame(row: UnrecognisedFrame) -> Notice:
    kind, data = NoticeKind.UNRECOGNISED_FRAME, {"what": row.kind, "size_bytes": row.size}
    return outbox.of_integration(row.integration, kind=kind, subject=row.pk, at=row.at, data=data)


def prune(now: datetime, *, days: int) -> None:
    """Delete some batches of events that are older than `days`, except those that are still being delivered.

    A pending delivery to a disabled endpoint is deleted with its event.
    """
    waiting = Delivery.objects.filter(notice=OuterRef("pk"), state=DeliveryState.PENDING, endpoint__is_enabled=True)
    old = Notice.objects.filter(noticed_at__lt=now - timedelta(days=days)).exclude(Exists(waiting))
    for _ in range(BATCHES_PER_POLL):
        with transaction.atomic():
            keys = list(old.order_by("noticed_at").values_list("pk", flat=True)[:BATCH])
            Notice.objects.filter(pk__in=keys).delete()
        if len(keys) < BATCH:
            return
