"""Reads and repeats the deliveries to the webhook endpoints that the caller's key may see. Runs in database threads."""

from typing import Any

from django.db.models import QuerySet

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import page_from
from integrations.backend.base.problems import UNKNOWN_DELIVERY, Problem
from integrations.backend.base.query import HIGHEST_ID, read_choice, read_whole_number
from integrations.backend.notices.serializers import DeliverySerializer
from integrations.backend.notices.webhook_endpoints import endpoints_of, get_endpoint
from integrations.models import Delivery
from integrations.models.notices.webhook import DeliveryState
from integrations.services.audit import Actor
from integrations.services.notices import webhooks
from integrations.services.rows.keyset_pages import Position, Source, Stream, Streams
from integrations.wire.plain_http import PlainRequest


def deliveries_page(caller: Caller, request: PlainRequest) -> tuple[list[Delivery], Position | None]:
    """Return a page of deliveries, the newest first. Raises Problem."""
    asked: dict[str, Any] = {}
    if (endpoint_id := read_whole_number(request.query, "endpoint_id", 1, HIGHEST_ID)) is not None:
        asked["endpoint"] = get_endpoint(caller, endpoint_id).pk
    if state := read_choice(request.query, "state", DeliveryState.values):
        asked["state"] = state
    return page_from(_source(caller, asked), _deliveries_of(caller).filter(**asked), request)


def get_delivery(caller: Caller, delivery_id: int) -> Delivery:
    """Return a delivery to an endpoint that the caller may see. Raises Problem."""
    delivery = _deliveries_of(caller).filter(pk=delivery_id).first()
    if delivery is None:
        raise Problem(UNKNOWN_DELIVERY)
    return delivery


def replay(caller: Caller, delivery_id: int, *, actor: Actor) -> Any:
    """Queue the event of a delivery again, and return the delivery. Raises Problem or WebhookDisabled."""
    webhooks.replay(get_delivery(caller, delivery_id), actor=actor)
    return DeliverySerializer(get_delivery(caller, delivery_id)).data


def _source(caller: Caller, asked: dict[str, Any]) -> Source:
    """Return a source that reads deliveries in primary-key order from an index.

    It provides all deliveries that match `asked`, and possibly some that do not.
    """
    rows = Delivery.objects.order_by()
    if "endpoint" in asked:
        return Stream(rows.filter(endpoint=asked["endpoint"]))
    if caller.organisation_id is not None:
        return Streams(rows, endpoints_of(caller), "endpoint")
    return Stream(rows.filter(**asked))


def _deliveries_of(caller: Caller) -> QuerySet[Delivery]:
    rows = Delivery.objects.select_related("notice", "endpoint")
    if caller.organisation_id is None:
        return rows
    return rows.filter(endpoint__organisation=caller.organisation_id)
