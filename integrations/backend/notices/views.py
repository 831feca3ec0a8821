"""The views of events, webhook endpoints and deliveries."""

from functools import partial
from typing import Any

from django.urls import reverse

from integrations.backend.base.body_parsing import Nothing, read_change
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.notices import bodies, deliveries, rows, schema, webhook_endpoints
from integrations.backend.notices.serializers import DeliverySerializer, EndpointSerializer, event
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class EventsView(BackendView):
    """The event log, the oldest event first."""

    http_method_names = ["get"]

    @schema.LIST_EVENTS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("after", "kind", "outlet", "limit", "cursor"))
        found, position = await readers.run(rows.events_page, self.caller, request)
        return page_answer(request, [event(each) for each in found], position)


class EndpointsView(BackendView):
    """The webhook endpoints that the API key may see."""

    http_method_names = ["get", "post"]

    @schema.LIST_ENDPOINTS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("limit", "cursor"))
        found, position = await readers.run(webhook_endpoints.endpoints_page, self.caller, request)
        return page_answer(request, EndpointSerializer(found, many=True).data, position)

    @schema.CREATE_ENDPOINT
    async def post(self, request: PlainRequest) -> PlainResponse:
        values = read_change(request, bodies.NewEndpointSerializer)
        create = partial(webhook_endpoints.create, self.caller, actor=self.actor, **values)
        return await self.change(create, status=201, location=_location)


class EndpointView(BackendView):
    """One webhook endpoint."""

    http_method_names = ["get", "patch", "delete"]

    @schema.GET_ENDPOINT
    async def get(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        check_names(request.query, ())
        found = await readers.run(webhook_endpoints.get_endpoint, self.caller, endpoint_id)
        return plain_data(EndpointSerializer(found).data)

    @schema.CHANGE_ENDPOINT
    async def patch(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        values = read_change(request, bodies.EndpointChangeSerializer, partial=True)
        return await self.change(
            partial(webhook_endpoints.change, self.caller, endpoint_id, actor=self.actor, **values)
        )

    @schema.DELETE_ENDPOINT
    async def delete(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(webhook_endpoints.delete, self.caller, endpoint_id, actor=self.actor))


class RotateEndpointSecretView(BackendView):
    """Replaces the secret of a webhook endpoint."""

    http_method_names = ["post"]

    @schema.ROTATE_ENDPOINT_SECRET
    async def post(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        values = read_change(request, bodies.EndpointRotationSerializer)
        return await self.change(
            partial(webhook_endpoints.rotate, self.caller, endpoint_id, actor=self.actor, **values)
        )


class EndEndpointOverlapView(BackendView):
    """Ends the overlap in which a webhook endpoint's events are also signed with its old secret."""

    http_method_names = ["post"]

    @schema.END_ENDPOINT_OVERLAP
    async def post(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(webhook_endpoints.end_overlap, self.caller, endpoint_id, actor=self.actor))


class TestEndpointView(BackendView):
    """Sends a test event to a webhook endpoint."""

    http_method_names = ["post"]

    @schema.TEST_ENDPOINT
    async def post(self, request: PlainRequest, endpoint_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(webhook_endpoints.test, self.caller, endpoint_id, actor=self.actor))


class DeliveriesView(BackendView):
    """The deliveries to the webhook endpoints that the API key may see, the newest first."""

    http_method_names = ["get"]

    @schema.LIST_DELIVERIES
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("endpoint_id", "state", "limit", "cursor"))
        found, position = await readers.run(deliveries.deliveries_page, self.caller, request)
        return page_answer(request, DeliverySerializer(found, many=True).data, position)


class DeliveryView(BackendView):
    """One delivery."""

    http_method_names = ["get"]

    @schema.GET_DELIVERY
    async def get(self, request: PlainRequest, delivery_id: int) -> PlainResponse:
        check_names(request.query, ())
        found = await readers.run(deliveries.get_delivery, self.caller, delivery_id)
        return plain_data(DeliverySerializer(found).data)


class ReplayDeliveryView(BackendView):
    """Sends the event of a delivery again."""

    http_method_names = ["post"]

    @schema.REPLAY_DELIVERY
    async def post(self, request: PlainRequest, delivery_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(deliveries.replay, self.caller, delivery_id, actor=self.actor))


def _location(content: Any) -> str:
    return reverse("backend-webhook-endpoint", args=[content["id"]])
