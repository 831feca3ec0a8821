"""Store events in the outbox: one row for each event, and one delivery for each subscribed endpoint."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations.models import Delivery, Integration, Notice, WebhookEndpoint

STEP = 400  # rows per statement

WITH_OUTLET = "integration__outlet__organisation"


def endpoints() -> list[WebhookEndpoint]:
    """Return the enabled endpoints. There are few."""
    return list(WebhookEndpoint.objects.filter(is_enabled=True).defer("sealed_secret", "sealed_older_secret"))


@transaction.atomic
def store_events(notices: Sequence[Notice], wanted_by: Sequence[WebhookEndpoint], *, now: datetime) -> None:
    """Store the events that have subscribers, with their deliveries. An event that is already stored is skipped."""
    wanted = {_key(each): each for each in notices if any(_wants(endpoint, each) for endpoint in wanted_by)}
    rows = list(wanted.values())
    for start in range(0, len(rows), STEP):
        _store(rows[start : start + STEP], wanted_by, now)


def about(integration: Integration | None) -> dict[str, Any]:
    """Return the fields that name an event's outlet; empty without an integration. Needs `outlet__organisation`."""
    if integration is None:
        return {"organisation": None, "outlet": None}
    outlet = integration.outlet
    return {
        "organisation": {"id": outlet.organisation_id, "name": outlet.organisation.name},
        "outlet": {"provider_outlet_id": outlet.provider_outlet_id, "name": outlet.name},
    }


def of_integration(integration: Integration | None, **values: Any) -> Notice:
    """Return an unsaved event about an outlet. `data` is added to the fields that name the outlet."""
    return Notice(
        integration=integration,
        organisation_id=integration.outlet.organisation_id if integration else None,
        **{**values, "data": {**about(integration), **values["data"]}},
    )


def _store(notices: Sequence[Notice], wanted_by: Sequence[WebhookEndpoint], now: datetime) -> None:
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    # Events that existed before keep their id, so only the events stored by this call get deliveries.
    written = Notice.objects.filter(uuid__in=[each.uuid for each in notices]).in_bulk(field_name="uuid")
    Delivery.objects.bulk_create(
        [
            Delivery(notice=notice, endpoint=endpoint, next_at=max(now, endpoint.paused_until or now))
            for notice in written.values()
            for endpoint in wanted_by
            if _wants(endpoint, notice)
        ],
        batch_size=STEP,
        ignore_conflicts=True,
    )


def _key(notice: Notice) -> tuple[str, int, datetime]:
    return notice.kind, notice.subject, notice.at


def _wants(endpoint: WebhookEndpoint, notice: Notice) -> bool:
    return endpoint.wants(notice.kind, notice.organisation_id)
