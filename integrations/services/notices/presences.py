"""Notices outlets that came online or went offline, and stayed so for OUTLET_GRACE. Runs in a database thread."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.models import Notice, NoticeCursor, Presence, ServerProcess, ToldPresence, WebhookEndpoint
from integrations.models.connection import lease_limit
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices import outbox

# Seconds that an outlet must stay online, or offline, before others are told: more than a reconnect takes.
OUTLET_GRACE = 30
# Seconds after the portal's own start, or a pause, in which no outlet counts as offline: its POSes are coming back.
ALERT_START_GRACE = 300
BATCH = 400
BATCHES_PER_TURN = 3  # a storm is told over some turns: each leaves the processor to the POSes that come back
BLIND = timedelta(seconds=120)  # without a turn for so long, the portal was away itself
STATE = ("is_online", "at")


def notice(wanted_by: Sequence[WebhookEndpoint], cursor: NoticeCursor, now: datetime) -> None:
    """Tell of each outlet whose state is not the one that was told last."""
    see(cursor, now)
    settled = now - timedelta(seconds=OUTLET_GRACE)
    online = Presence.objects.online(now).filter(since__lte=settled)
    _tell(online.exclude(integration__told_presence__is_online=True), True, wanted_by, now)
    if watching_since(cursor, now) <= now - timedelta(seconds=ALERT_START_GRACE):
        _tell(offline(now, settled).filter(integration__told_presence__is_online=True), False, wanted_by, now)


def see(cursor: NoticeCursor, now: datetime) -> None:
    """Note a turn. After a time without turns nobody was watching, and what is offline may be so because of us."""
    if now - cursor.turned_at > BLIND:
        cursor.begun_at = now
    cursor.turned_at = now
    cursor.save()


def watching_since(cursor: NoticeCursor, now: datetime) -> datetime:
    """Return since when the portal has been there without a pause: its outlets had at least so long to come back."""
    alive = ServerProcess.objects.filter(ended_at=None, heartbeat_at__gt=lease_limit(now))
    oldest = alive.order_by("started_at").values_list("started_at", flat=True).first()
    return max(cursor.begun_at, oldest or now)


def offline(now: datetime, before: datetime) -> QuerySet[Presence]:
    """Return the presences of POSes that were seen and are not connected, since `before` or longer."""
    closed = Q(is_online=False, since__lte=before)
    lost = Q(is_online=True, connection__process__heartbeat_at__lte=min(before, lease_limit(now)))
    return Presence.objects.filter(closed | lost, last_seen_at__isnull=False)


def take_as_told(now: datetime) -> None:
    """Whoever is online when the first endpoint wants to know is no news."""
    untold = Presence.objects.filter(is_online=True, integration__told_presence=None).values_list("pk", flat=True)
    while rows := list(untold[:BATCH]):
        ToldPresence.objects.bulk_create(
            [ToldPresence(integration_id=pk, is_online=True, at=now) for pk in rows], ignore_conflicts=True
        )


def forget() -> None:
    """Forget what was told, when nobody wants to know any more."""
    if NoticeCursor.objects.filter(name="presences").exists():
        ToldPresence.objects.all().delete()


def _tell(changed: QuerySet[Presence], is_online: bool, wanted_by: Sequence[WebhookEndpoint], now: datetime) -> None:
    rows = changed.select_related("connection__process", outbox.WITH_OUTLET).order_by("pk")
    for _ in range(BATCHES_PER_TURN):
        batch = list(rows[:BATCH])
        with transaction.atomic():
            outbox.tell([_notice(row, is_online, now) for row in batch], wanted_by, now=now)
            _remember(batch, is_online, now)
        if len(batch) < BATCH:
            return


def _remember(rows: Sequence[Presence], is_online: bool, now: datetime) -> None:
    ToldPresence.objects.bulk_create(
        [ToldPresence(integration_id=row.pk, is_online=is_online, at=now) for row in rows],
        update_conflicts=True,
        unique_fields=["integration"],
        update_fields=STATE,
    )


def _notice(row: Presence, is_online: bool, now: datetime) -> Notice:
    since = row.since_at(now) or now
    kind = NoticeKind.OUTLET_ONLINE if is_online else NoticeKind.OUTLET_OFFLINE
    data: dict[str, object] = {"since": since.isoformat()}
    if not is_online:
        data["reason"] = row.connection.close_reason if row.connection and row.connection.close_reason else None
    return outbox.of_integration(row.integration, kind=kind, subject=row.pk, at=since, data=data)
