"""Detect outlets that went online or offline and stayed in that state for OUTLET_GRACE. Runs in a database thread."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.models import Notice, NoticeCursor, Presence, ReportedPresence, ServerProcess
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices import outbox
from integrations.services.notices.outbox import Subscriber
from integrations.text.moments import iso

# Seconds for which an outlet must stay online or offline before it is reported: longer than a reconnect takes.
OUTLET_GRACE = 30
# After a start or a pause of the portal, POSes need time to reconnect: no outlet counts as offline for these seconds.
ALERT_START_GRACE = 300
BATCH = 400
BATCHES_PER_POLL = 3  # many changes at once are spread over several polls, to leave processor time for reconnects
BLIND = timedelta(seconds=120)  # if there was no poll for this long, the portal itself was down
STATE = ("is_online", "at")


def notice(wanted_by: Sequence[Subscriber], cursor: NoticeCursor, now: datetime) -> None:
    """Report each outlet whose state differs from its last reported state."""
    note_poll(cursor, now)
    settled = now - timedelta(seconds=OUTLET_GRACE)
    online = Presence.objects.online(now).filter(since__lte=settled)
    is_reported_online = Q(integration__reported_presence__is_online=True)
    _report_changes(online.exclude(is_reported_online), True, wanted_by, now)
    if watching_since(cursor, now) <= now - timedelta(seconds=ALERT_START_GRACE):
        _report_changes(offline(now, settled).filter(is_reported_online), False, wanted_by, now)


def note_poll(cursor: NoticeCursor, now: datetime) -> None:
    """Record a poll. After a pause longer than BLIND, restart the grace period, because POSes may have been cut off."""
    if now - cursor.polled_at > BLIND:
        cursor.begun_at = now
    cursor.polled_at = now
    cursor.save()


def watching_since(cursor: NoticeCursor, now: datetime) -> datetime:
    """Return the start of the latest period in which the portal ran without a pause and POSes could connect."""
    alive = ServerProcess.objects.running(now)
    oldest = alive.order_by("started_at").values_list("started_at", flat=True).first()
    return max(cursor.begun_at, oldest or now)


def offline(now: datetime, before: datetime) -> QuerySet[Presence]:
    """Return the presences of POSes that have connected at least once and went offline no later than `before`."""
    closed = Q(is_online=False, since__lte=before)
    dead = ServerProcess.objects.dead(now).filter(heartbeat_at__lte=before)
    lost = Q(is_online=True, connection__process__in=dead)
    return Presence.objects.filter(closed | lost, last_seen_at__isnull=False)


def mark_online_as_reported(now: datetime) -> None:
    """Store each online outlet as if it had been reported as online. Called when the first subscriber appears."""
    unreported = Presence.objects.filter(is_online=True, integration__reported_presence=None)
    while rows := list(unreported.values_list("pk", flat=True)[:BATCH]):
        ReportedPresence.objects.bulk_create(
            [ReportedPresence(integration_id=pk, is_online=True, at=now) for pk in rows], ignore_conflicts=True
        )


def forget() -> None:
    """Delete the reported states, because they have no subscriber any more."""
    if NoticeCursor.objects.filter(name="presences").exists():
        ReportedPresence.objects.all().delete()


def _report_changes(
    changed: QuerySet[Presence], is_online: bool, wanted_by: Sequence[Subscriber], now: datetime
) -> None:
    rows = changed.select_related("connection__process", outbox.WITH_OUTLET).order_by("pk")
    for _ in range(BATCHES_PER_POLL):
        batch = list(rows[:BATCH])
        with transaction.atomic():
            outbox.store_events([_notice(row, is_online, now) for row in batch], wanted_by, now=now)
            _remember(batch, is_online, now)
        if len(batch) < BATCH:
            return


def _remember(rows: Sequence[Presence], is_online: bool, now: datetime) -> None:
    ReportedPresence.objects.bulk_create(
        [ReportedPresence(integration_id=row.pk, is_online=is_online, at=now) for row in rows],
        update_conflicts=True,
        unique_fields=["integration"],
        update_fields=STATE,
    )


def _notice(row: Presence, is_online: bool, now: datetime) -> Notice:
    since = row.since_at(now) or now
    kind = NoticeKind.OUTLET_ONLINE if is_online else NoticeKind.OUTLET_OFFLINE
    data: dict[str, object] = {"since": iso(since)}
    if not is_online:
        data["reason"] = row.connection.close_reason if row.connection and row.connection.close_reason else None
    return outbox.of_integration(row.integration, kind=kind, subject=row.pk, at=since, data=data)
