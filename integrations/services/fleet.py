"""How all outlets are, for the first page: counted at every look, and sampled for the last 24 hours.

Cheap whatever the size: states are counted over the outlets, refusals over an hour of an index, and requests by the
samples of the day plus what ended since the last one. Runs in a database thread.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils import timezone

from integrations.models import AuthAttempt, FleetSample, Integration, Presence, Request
from integrations.models.attempt import Outcome
from integrations.models.connection import lease_limit
from integrations.models.request import OPEN_STATES, State

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
SAMPLE_EVERY = timedelta(minutes=5)
SAMPLES_KEPT = timedelta(hours=48)
LATEST = 5
ENDS = tuple(state for state in State if state not in OPEN_STATES)

Organisations = frozenset[int] | None


@dataclass(frozen=True)
class Gone:
    """An outlet that went offline."""

    integration_id: int
    name: str
    since: datetime | None


@dataclass(frozen=True)
class Point:
    """A sample of all the organisations that somebody sees."""

    at: datetime
    enabled: int
    online: int
    ended: int


@dataclass(frozen=True)
class Fleet:
    """How it is at `at`. Requests are those that ended in the last 24 hours, by their state."""

    at: datetime
    online: int
    offline: int
    never_seen: int
    disabled: int
    gone: tuple[Gone, ...]
    refusals: tuple[tuple[str, int], ...]
    requests: tuple[tuple[str, int], ...]
    history: tuple[Point, ...]

    @property
    def enabled(self) -> int:
        return self.online + self.offline + self.never_seen


def read_fleet(organisations: Organisations) -> Fleet:
    """Return how the outlets of these organisations are; None for all of them."""
    now = timezone.now()
    samples = _within(FleetSample.objects.filter(at__gt=now - DAY), organisations, "organisation")
    return Fleet(
        at=now,
        **_states(organisations, now),
        gone=_gone(organisations),
        refusals=_refusals(organisations, now),
        requests=_requests(samples, organisations, now),
        history=_history(samples),
    )


@transaction.atomic
def take_sample() -> None:
    """Write down how each organisation stands, and forget what is older than 48 hours."""
    now = timezone.now()
    before = FleetSample.objects.aggregate(at=Max("at"))["at"] or now - SAMPLE_EVERY
    standing = (
        _integrations(None)
        .values("outlet__organisation")
        .annotate(enabled_count=Count("pk", filter=Q(is_enabled=True)), online_count=Count("pk", filter=_online(now)))
    )
    ended = _ended_by_organisation(before, now)
    rows = [
        FleetSample(
            at=now,
            organisation_id=row["outlet__organisation"],
            enabled=row["enabled_count"],
            online=row["online_count"],
            **ended.get(row["outlet__organisation"], {}),
        )
        for row in standing
    ]
    FleetSample.objects.bulk_create(rows)
    FleetSample.objects.filter(at__lt=now - SAMPLES_KEPT).delete()


def _integrations(organisations: Organisations) -> QuerySet[Integration]:
    return _within(Integration.objects.order_by(), organisations, "outlet__organisation")


def _online(now: datetime) -> Q:
    return Q(
        is_enabled=True,
        presence__last_seen_at__isnull=False,
        presence__is_online=True,
        presence__connection__process__heartbeat_at__gt=lease_limit(now),
    )


def _states(organisations: Organisations, now: datetime) -> dict[str, int]:
    is_enabled = Q(is_enabled=True)
    counts = _integrations(organisations).aggregate(
        enabled=Count("pk", filter=is_enabled),
        online=Count("pk", filter=_online(now)),
        never_seen=Count("pk", filter=is_enabled & Q(presence__last_seen_at=None)),
        disabled=Count("pk", filter=~is_enabled),
    )
    enabled = counts.pop("enabled")
    return {**counts, "offline": enabled - counts["online"] - counts["never_seen"]}


def _gone(organisations: Organisations) -> tuple[Gone, ...]:
    offline = Presence.objects.filter(is_online=False, last_seen_at__isnull=False, integration__is_enabled=True)
    rows = _within(offline, organisations, "integration__outlet__organisation").order_by(F("since").desc())
    latest = rows.select_related("integration__outlet__organisation")[:LATEST]
    return tuple(Gone(row.pk, str(row.integration), row.since) for row in latest)


def _refusals(organisations: Organisations, now: datetime) -> tuple[tuple[str, int], ...]:
    reasons = [outcome for outcome in Outcome if outcome != Outcome.ACCEPTED]
    attempts = AuthAttempt.objects.filter(outcome__in=reasons, at__gt=now - HOUR).order_by()
    rows = _within(attempts, organisations, "integration__outlet__organisation")
    counted = rows.values_list("outcome").annotate(count=Count("pk"))
    return tuple(sorted(counted, key=lambda each: (-each[1], each[0])))


def _requests(
    samples: QuerySet[FleetSample], organisations: Organisations, now: datetime
) -> tuple[tuple[str, int], ...]:
    sums = samples.aggregate(last=Max("at"), **{f"{state}_sum": Sum(state) for state in ENDS})
    since = sums["last"] or now - DAY
    fresh = Request.objects.filter(ended_at__gt=since, ended_at__lte=now).order_by()
    rows = _within(fresh, organisations, "integration__outlet__organisation")
    counts = Counter(dict(rows.values_list("state").annotate(count=Count("pk"))))
    return tuple((state.value, counts[state] + (sums[f"{state}_sum"] or 0)) for state in ENDS)


def _history(samples: QuerySet[FleetSample]) -> tuple[Point, ...]:
    ended = sum((F(state) for state in ENDS[1:]), start=F(ENDS[0]))
    sums = {"enabled_sum": Sum("enabled"), "online_sum": Sum("online"), "ended_sum": Sum(ended)}
    rows = samples.order_by("at").values("at").annotate(**sums).values_list("at", *sums)
    return tuple(Point(*row) for row in rows)


def _ended_by_organisation(since: datetime, until: datetime) -> dict[int, dict[str, int]]:
    rows = Request.objects.filter(ended_at__gt=since, ended_at__lte=until).order_by()
    found: dict[int, dict[str, int]] = {}
    counted: Iterable[tuple[int, str, int]] = rows.values_list("integration__outlet__organisation", "state").annotate(
        count=Count("pk")
    )
    for organisation, state, count in counted:
        found.setdefault(organisation, {})[state] = count
    return found


def _within(rows: QuerySet, organisations: Organisations, path: str) -> QuerySet:  # type: ignore[type-arg]
    return rows if organisations is None else rows.filter(**{f"{path}__in": organisations})
