"""Find the conditions that staff should know about: outlets offline, many refusals, credentials about to expire.

These functions only read. `alerts` decides what to report. Runs in a database thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, QuerySet, Subquery
from django.utils import timezone

from integrations.models import AlertMember, ApiKeySecret, AuthAttempt, Credential, NoticeCursor, Outlet, Presence
from integrations.models.attempt import REFUSALS
from integrations.models.fields.opening import open_since
from integrations.services.notices import presences

REFUSALS_WINDOW = timedelta(minutes=5)
# This many refusals in the window raise an alert. A till whose mistyped secret is being corrected causes fewer.
ALERT_REFUSALS_PER_OUTLET = 10
ALERT_REFUSALS = 100  # refusals of all outlets together, including unknown ones
# An old secret that is still in use raises an alert this long before it expires, so staff have a working day to act.
ALERT_OVERLAP = timedelta(hours=24)
# Warn this long before an API key expires, because another team may have to replace it and needs time.
ALERT_API_KEY = timedelta(days=14)
OUTLET = "integration__outlet__organisation"
PORTAL_KEY = "refusals:portal"


@dataclass(frozen=True)
class Found:
    """A condition to report. `key` identifies it in AlertMember; `organisation_id` is None for the whole portal."""

    key: str
    organisation_id: int | None
    integration_id: int | None
    label: str
    since: datetime
    detail: str = ""


def overdue(cursor: NoticeCursor, now: datetime) -> list[Found]:
    """Return the outlets that are offline beyond their limit during opening hours and are not yet in an open alert."""
    watching_since = presences.watching_since(cursor, now)
    if watching_since > now - timedelta(seconds=presences.ALERT_START_GRACE):
        return []
    rows = presences.offline(now, now - timedelta(minutes=1)).filter(integration__is_enabled=True)
    alerted = AlertMember.objects.filter(integration=OuterRef("pk"), ended_at=None, alert__kind="offline")
    rows = rows.exclude(Exists(alerted)).select_related("connection__process", OUTLET)
    found = (_overdue(row, watching_since, now) for row in rows.iterator(chunk_size=1000))
    return [each for each in found if each]


def back_online(keys: Iterable[int], now: datetime) -> set[int]:
    """Return which of these integrations have recovered: online for OUTLET_GRACE, or disabled."""
    settled = now - timedelta(seconds=presences.OUTLET_GRACE)
    rows = Presence.objects.filter(integration__in=keys)
    online = rows.online(now).filter(since__lte=settled).values_list("pk", flat=True)
    disabled = rows.filter(integration__is_enabled=False).values_list("pk", flat=True)
    return {*online, *disabled}


def refused(now: datetime, *, factor: float = 1.0) -> list[Found]:
    """Return each outlet with too many refusals within REFUSALS_WINDOW, and the whole portal if it has too many.

    `factor` multiplies the thresholds ALERT_REFUSALS_PER_OUTLET and ALERT_REFUSALS.
    """
    attempts = AuthAttempt.objects.filter(at__gt=now - REFUSALS_WINDOW, at__lte=now, outcome__in=REFUSALS)
    return [*_refused_outlets(attempts, factor), *_refused_everywhere(attempts, factor)]


def expiring(now: datetime) -> list[Found]:
    """Return the credentials that expire soon and will then be refused: old secrets still in use, and API keys."""
    return [*_overlaps_of_poses(now), *_overlaps_of_keys(now), *_api_keys(now)]


def _overdue(row: Presence, watching_since: datetime, now: datetime) -> Found | None:
    outlet = row.integration.outlet
    since = row.since_at(now) or now
    counted_from = max(since, watching_since)
    if hours := outlet.opening_hours or outlet.organisation.opening_hours:
        opened_at = open_since(hours, _zone_of(outlet), now)
        if opened_at is None:
            return None
        counted_from = max(counted_from, opened_at)
    limit = timedelta(minutes=outlet.alert_after_minutes or settings.ALERT_OFFLINE_MINUTES)
    if counted_from > now - limit:
        return None
    why = row.connection.get_close_reason_display() if row.connection and row.connection.close_reason else ""
    return Found(f"offline:{row.pk}", outlet.organisation_id, row.pk, str(outlet), since, why)


def _zone_of(outlet: Outlet) -> ZoneInfo:
    # If the outlet sets a time zone, even the opening hours of its organisation apply in that time zone.
    return ZoneInfo(outlet.time_zone or outlet.organisation.time_zone or settings.TIME_ZONE)


def _refused_outlets(attempts: QuerySet[AuthAttempt], factor: float) -> list[Found]:
    counted = attempts.filter(integration__isnull=False).values(
        "integration", "integration__outlet__organisation", "integration__outlet__organisation__name",
        "integration__outlet__name",
    )  # fmt: skip
    counted = counted.annotate(count=Count("pk"), first=Min("at"))
    many = counted.filter(count__gte=ceil(ALERT_REFUSALS_PER_OUTLET * factor)).order_by("integration")
    return [
        Found(
            f"refusals:{row['integration']}",
            row["integration__outlet__organisation"],
            row["integration"],
            f"{row['integration__outlet__organisation__name']} – {row['integration__outlet__name']}",
            row["first"],
            f"{row['count']} refusals within {_minutes(REFUSALS_WINDOW)} minutes",
        )
        for row in many
    ]


def _refused_everywhere(attempts: QuerySet[AuthAttempt], factor: float) -> list[Found]:
    total = attempts.aggregate(count=Count("pk"), first=Min("at"))
    if total["first"] is None or total["count"] < ALERT_REFUSALS * factor:
        return []
    detail = f"{total['count']} refusals within {_minutes(REFUSALS_WINDOW)} minutes"
    return [Found(PORTAL_KEY, None, None, "All known and unknown outlets together", total["first"], detail)]


def _overlaps_of_poses(now: datetime) -> list[Found]:
    newer = Credential.objects.filter(integration=OuterRef("integration"), is_current=True)
    rows = _still_used(Credential.objects.in_overlap(now), newer, now).filter(integration__is_enabled=True)
    return [
        Found(
            f"credential:{row.pk}",
            row.integration.outlet.organisation_id,
            row.integration_id,
            str(row.integration),
            row.created_at,
            f"The POS still uses the old secret {row.shown}, which expires {_at(row.expires_at)}. "
            "Enter the new secret on site before then.",
        )
        for row in rows.select_related(OUTLET)
        if _is_time(row, now)
    ]


def _overlaps_of_keys(now: datetime) -> list[Found]:
    newer = ApiKeySecret.objects.filter(api_key=OuterRef("api_key"), is_current=True)
    rows = _still_used(ApiKeySecret.objects.in_overlap(now), newer, now)
    return [
        _of_key(
            row,
            f"The system still uses the old secret {row.shown}, which expires {_at(row.expires_at)}. "
            "Give the system the new secret before then.",
        )
        for row in rows.select_related("api_key")
        if _is_time(row, now)
    ]


def _still_used(in_overlap: QuerySet[Any], newer: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return the secrets that expire soon and were used more recently than the secrets that replace them."""
    soon = in_overlap.filter(expires_at__lte=now + ALERT_OVERLAP, last_used_at__isnull=False)
    unreplaced = soon.exclude(Exists(newer.filter(last_used_at__gte=OuterRef("last_used_at"))))
    annotated: QuerySet[Any] = unreplaced.annotate(replaced_at=Subquery(newer.values("created_at")[:1]))
    return annotated


def _api_keys(now: datetime) -> list[Found]:
    rows = ApiKeySecret.objects.live(now).filter(is_current=True, expires_at__lte=now + ALERT_API_KEY)
    return [
        _of_key(row, f"The API key {row.shown} expires {_at(row.expires_at)}. Create another one before then.")
        for row in rows.select_related("api_key")
    ]


def _of_key(row: ApiKeySecret, detail: str) -> Found:
    key = row.api_key
    return Found(f"api-key:{row.pk}", key.organisation_id, None, f"API key {key}", row.created_at, detail)


def _is_time(row: Any, now: datetime) -> bool:
    """Return whether an alert is due: ALERT_OVERLAP before the end, or halfway through the overlap if that is later."""
    if row.replaced_at is None:
        return False
    notice = min((row.expires_at - row.replaced_at) / 2, ALERT_OVERLAP)
    return bool(now >= row.expires_at - notice)


def _at(moment: datetime | None) -> str:
    return f"on {timezone.localtime(moment):%d %B %Y at %H:%M %Z}" if moment else "soon"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
