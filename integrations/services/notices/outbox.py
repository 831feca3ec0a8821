"""Puts events into the outbox: a row for each, and a delivery for each endpoint that wants it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations.models import Delivery, Integration, Notice, WebhookEndpoint

STEP = 400  # rows per statement

WITH_OUTLET = "integration__outlet__organisation"


def endpoints() -> list[WebhookEndpoint]:
    """Return the endpoints that are switched on; there are few."""
    return list(WebhookEndpoint.objects.filter(is_enabled=True).defer("sealed_secret", "sealed_older_secret"))


@transaction.atomic
def tell(notices: Sequence[Notice], wanted_by: Sequence[WebhookEndpoint], *, now: datetime) -> None:
    """Store those events that somebody wants, with their deliveries; one that is known already is left alone."""
    wanted = {_key(each): each for each in notices if any(_wants(endpoint, each) for endpoint in wanted_by)}
    rows = list(wanted.values())
    for start in range(0, len(rows), STEP):
        _store(rows[start : start + STEP], wanted_by, now)


def about(integration: Integration | None) -> dict[str, Any]:
    """Return how an event names its outlet; needs `outlet__organisation`. An attempt of nobody's has none."""
    if integration is None:
        return {"organisation": None, "outlet": None}
    outlet = integration.outlet
    return {
        "organisation": {"id": outlet.organisation_id, "name": outlet.organisation.name},
        "outlet": {"provider_outlet_id": outlet.provider_outlet_id, "name": outlet.name},
    }


def of_integration(integration: Integration | None, **values: Any) -> Notice:
    """Return an event about an outlet, unsaved; `data` is added to what names the outlet."""
    return Notice(
        integration=integration,
        organisation_id=integration.outlet.organisation_id if integration else None,
        **{**values, "data": {**about(integration), **values["data"]}},
    )


def _store(notices: Sequence[Notice], wanted_by: Sequence[WebhookEndpoint], now: datetime) -> None:
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    # Those that were there before keep their own id: only what this call wrote gets deliveries.
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
