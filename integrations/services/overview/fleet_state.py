"""The state of all outlets for the start page: current counts, and samples of the last 24 hours.

Reading is cheap for any number of rows, because only outlets, the refusals of one hour, and the requests that ended
since the last sample are counted. The samples contain the counts of earlier requests. Runs in a database thread.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import CharField, Count, F, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from integrations.models import AuthAttempt, FleetSample, Integration, Presence, Request
from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.models.outlet_state import OutletState, is_in_state, state_column
from integrations.models.request import OPEN_STATES, RequestState

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
SAMPLE_EVERY = timedelta(minutes=5)
SAMPLES_KEPT = timedelta(hours=48)
LATEST = 5
ENDS = tuple(state for state in RequestState if state not in OPEN_STATES)

Organisations = frozenset[int] | None


@dataclass(frozen=True)
class WentOffline:
    """An outlet that went offline; `reason` says how its last connection ended, if that is known."""

    integration_id: int
    name: str
    since: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Point:
    """A sample, summed over all organisations that the viewer may see."""

    at: datetime
    enabled: int
    online: int
    ended: int


@dataclass(frozen=True)
class FleetState:
    """The state at the time `at`. `requests` contains, by state, how many requests ended in the last 24 hours."""

    at: datetime
    online: int
    offline: int
    never_seen: int
    disabled: int
    went_offline: tuple[WentOffline, ...]
    refusals: tuple[tuple[str, int], ...]
    requests: tuple[tuple[str, int], ...]
    history: tuple[Point, ...]

    @property
    def enabled(self) -> int:
        return self.online + self.offline + self.never_seen


def read_fleet(organisations: Organisations) -> FleetState:
    """Return the state of these organisations' outlets; None means all organisations."""
    now = shared_now()
    samples = _samples(organisations, now)
    counts = _count_fleet(organisations, now, since=samples[-1]["at"] if samples else now - DAY)
    states, refusals, fresh = counts["states"], counts["refusals"], counts["requests"]
    return FleetState(
        at=now,
        online=states[OutletState.ONLINE],
        offline=states[OutletState.OFFLINE],
        never_seen=states[OutletState.NEVER_SEEN],
        disabled=states[OutletState.DISABLED],
        went_offline=_went_offline(organisations),
        refusals=tuple(sorted(refusals.items(), key=lambda each: (-each[1], each[0]))),
        requests=tuple((state.value, fresh[state] + sum(each[f"{state}_sum"] for each in samples)) for state in ENDS),
        history=tuple(Point(each["at"], each["enabled_sum"], each["online_sum"], _ended(each)) for each in samples),
    )


@transaction.atomic
def take_sample() -> None:
    """Store a sample for each organisation, and delete samples older than 48 hours."""
    now = shared_now()
    before = FleetSample.objects.aggregate(at=Max("at"))["at"] or now - SAMPLE_EVERY
    standing = (
        _integrations(None)
        .values("outlet__organisation")
        .annotate(
            enabled_count=Count("pk", filter=Q(is_enabled=True)),
            online_count=Count("pk", filter=is_in_state(OutletState.ONLINE, now)),
        )
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
    return within(Integration.objects.order_by(), organisations, "outlet__organisation")


def _went_offline(organisations: Organisations) -> tuple[WentOffline, ...]:
    offline = Presence.objects.filter(is_online=False, last_seen_at__isnull=False, integration__is_enabled=True)
    rows = within(offline, organisations, "integration__outlet__organisation").order_by(F("since").desc())
    latest = rows.select_related("integration__outlet__organisation", "connection")[:LATEST]
    return tuple(WentOffline(row.pk, str(row.integration), row.since, _reason(row)) for row in latest)


def _reason(row: Presence) -> str:
    return row.connection.get_close_reason_display() if row.connection else ""


def _count_fleet(organisations: Organisations, now: datetime, *, since: datetime) -> dict[str, Counter[str]]:
    """Count outlets and requests by state, and refusals by reason, with one query.

    Only the refusals of the last hour are counted, and only the requests that ended after `since`.
    """
    reasons = [outcome for outcome in Outcome if outcome != Outcome.ACCEPTED]
    attempts = AuthAttempt.objects.filter(outcome__in=reasons, at__gt=now - HOUR)
    attempts = within(attempts, organisations, "integration__outlet__organisation")
    counted = {
        "states": (_integrations(organisations).annotate(state=state_column(now)), "state"),
        "refusals": (attempts, "outcome"),
        "requests": (_ended_requests(organisations, since, now), "state"),
    }
    parts = [
        rows.order_by().values_list(Value(of, output_field=CharField()), column).annotate(count=Count("pk"))
        for of, (rows, column) in counted.items()
    ]
    found: dict[str, Counter[str]] = {of: Counter() for of in counted}
    # Without order_by(), Django 6.1 would sort the union.
    for of, value, count in parts[0].union(*parts[1:], all=True).order_by():
        found[of][value] = count
    return found


def _ended_requests(organisations: Organisations, since: datetime, until: datetime) -> QuerySet[Request]:
    rows = Request.objects.filter(ended_at__gt=since, ended_at__lte=until)
    if organisations is None:
        return rows
    # Coalesce() prevents the use of the index of `integration`, which would find all requests of the organisations.
    # The database uses the index of `ended_at` instead, which finds few rows.
    whose = rows.alias(whose=Coalesce("integration", "integration"))
    return whose.filter(whose__in=_integrations(organisations).values("pk"))


def _samples(organisations: Organisations, now: datetime) -> list[dict[str, Any]]:
    """Return the samples of the last day, each summed over these organisations, in chronological order."""
    rows = within(FleetSample.objects.filter(at__gt=now - DAY), organisations, "organisation")
    sums = {f"{name}_sum": Sum(name) for name in ("enabled", "online", *ENDS)}
    return list(rows.order_by("at").values("at").annotate(**sums))


def _ended(sample: dict[str, Any]) -> int:
    return sum(sample[f"{state}_sum"] for state in ENDS)


def _ended_by_organisation(since: datetime, until: datetime) -> dict[int, dict[str, int]]:
    rows = Request.objects.filter(ended_at__gt=since, ended_at__lte=until).order_by()
    found: dict[int, dict[str, int]] = {}
    counted: Iterable[tuple[int, str, int]] = rows.values_list("integration__outlet__organisation", "state").annotate(
        count=Count("pk")
    )
    for organisation, state, count in counted:
        found.setdefault(organisation, {})[state] = count
    return found


def within(rows: QuerySet, organisations: Organisations, path: str) -> QuerySet:  # type: ignore[type-arg]
    """Return the rows of these organisations (None: all); `path` leads from a row to its organisation."""
    return rows if organisations is None else rows.filter(**{f"{path}__in": organisations})
