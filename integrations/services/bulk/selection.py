"""Plan a bulk action on selected integrations, and check that the plan is still valid."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet

from integrations.models import Integration
from integrations.models.clock import shared_now
from integrations.services.bulk.plan import BulkAction, PlannedRow, RowsChanged, Verdict, acting
from integrations.services.integration.enabling import obstacle_to_disabling, obstacle_to_reenabling
from integrations.services.rows.chunks import chunks


def check(action: BulkAction, ids: Sequence[int], organisations: frozenset[int] | None) -> list[PlannedRow]:
    """Return the plan of each integration in `ids`, ordered by name.

    Integrations outside `organisations` are left out; None means all organisations.
    """
    now = shared_now()
    rows = [_planned_row(action, each, now) for each in _chosen_rows(Integration.objects.all(), ids, organisations)]
    return sorted(rows, key=lambda row: (row.organisation, row.outlet))


def lock(action: BulkAction, plan: Sequence[PlannedRow], organisations: frozenset[int] | None) -> list[Integration]:
    """Return the integrations to act on, locked, in the order of the plan. Raises RowsChanged if one has changed."""
    now, planned = shared_now(), {row.integration: row for row in acting(plan)}
    locking = Integration.objects.select_for_update(of=("self",), no_key=True)
    rows = {each.pk: each for each in _chosen_rows(locking, sorted(planned), organisations)}
    if {pk: _planned_row(action, each, now) for pk, each in rows.items()} != planned:
        raise RowsChanged
    return [rows[pk] for pk in planned]


def _chosen_rows(
    rows: QuerySet[Integration], ids: Sequence[int], organisations: frozenset[int] | None
) -> list[Integration]:
    if organisations is not None:
        rows = rows.filter(outlet__organisation__in=organisations)
    rows = rows.select_related("outlet__organisation").prefetch_related("credentials").order_by("pk")
    return [each for part in chunks(ids) for each in rows.filter(pk__in=part)]


def _planned_row(action: BulkAction, row: Integration, now: datetime) -> PlannedRow:
    verdict, words = _JUDGES[action](row, now)
    current = next(each for each in row.credentials.all() if each.is_current)
    return PlannedRow(
        verdict=verdict,
        words=words,
        organisation=row.outlet.organisation.name,
        outlet=row.outlet.name,
        pos_remote_id=row.pos_remote_id,
        provider_outlet_id=row.outlet.provider_outlet_id,
        integration=row.pk,
        seen=(current.pk, row.generation),
    )


def _judge_disabling(row: Integration, _now: datetime) -> tuple[Verdict, str]:
    if obstacle_to_disabling(row):
        return Verdict.SKIP, f"It is already disabled: {row.disabled_reason}"
    return Verdict.ACT, "Disable it: its POS is disconnected and refused."


def _judge_reenabling(row: Integration, _now: datetime) -> tuple[Verdict, str]:
    if obstacle_to_reenabling(row):
        return Verdict.SKIP, "It is already enabled."
    return Verdict.ACT, f"Enable it again. It was disabled: {row.disabled_reason}"


def _judge_rotating(row: Integration, now: datetime) -> tuple[Verdict, str]:
    if any(each.is_in_overlap(now) for each in row.credentials.all()):
        return Verdict.SKIP, "An old secret still works: end its overlap first."
    words = "Create a new secret." if row.is_enabled else "Create a new secret. The integration stays disabled."
    return Verdict.ACT, words


_JUDGES: Mapping[BulkAction, Callable[[Integration, datetime], tuple[Verdict, str]]] = {
    BulkAction.DISABLE: _judge_disabling,
    BulkAction.REENABLE: _judge_reenabling,
    BulkAction.ROTATE: _judge_rotating,
}
