"""Organisations, requests, webhook endpoints, deliveries and events."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, cast

from typing_extensions import Unpack

from order_n_pay import models, params
from order_n_pay._async.transport import Transport
from order_n_pay.events import Event


class _Resource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport


class Organisations(_Resource):
    """The organisations that the API key sees."""

    def list(self, *, name: str | None = None, page_size: int | None = None) -> AsyncIterator[models.Organisation]:
        return self._transport.results("organisations", models.Organisation, {"name": name, "limit": page_size})

    async def get(self, organisation_id: int) -> models.Organisation:
        return await self._transport.get(f"organisations/{organisation_id}", models.Organisation)

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.OrganisationBody]
    ) -> models.Organisation:
        return await self._transport.post("organisations", models.Organisation, body, idempotency_key)

    async def change(
        self,
        organisation_id: int,
        *,
        idempotency_key: str | None = None,
        **changes: Unpack[params.PatchedOrganisationBody],
    ) -> models.Organisation:
        return await self._transport.patch(
            f"organisations/{organisation_id}", models.Organisation, changes, idempotency_key
        )

    async def delete(self, organisation_id: int, *, idempotency_key: str | None = None) -> models.Organisation:
        path = f"organisations/{organisation_id}"
        return await self._transport.delete(path, models.Organisation, idempotency_key)


class Requests(_Resource):
    """Requests to POSes. `id` is the portal's ID of a request, not your `request_id`."""

    def list(
        self,
        *,
        outlet: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        ended_since: datetime | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.Request]:
        query = {
            "outlet": outlet,
            "state": state,
            "since": since and since.isoformat(),
            "ended_since": ended_since and ended_since.isoformat(),
            "request_id": request_id,
            "correlation_id": correlation_id,
            "limit": page_size,
        }
        return self._transport.results("requests", models.Request, query)

    async def get(self, id: str) -> models.WholeRequest:
        return await self._transport.get(f"requests/{id}", models.WholeRequest)

    async def cancel(self, id: str, *, idempotency_key: str | None = None) -> models.WholeRequest:
        """Cancel a request that has not been sent yet."""
        return await self._transport.post(f"requests/{id}/cancel", models.WholeRequest, idempotency_key=idempotency_key)


class WebhookEndpoints(_Resource):
    """The addresses that receive events."""

    def list(self, *, page_size: int | None = None) -> AsyncIterator[models.Endpoint]:
        return self._transport.results("webhook-endpoints", models.Endpoint, {"limit": page_size})

    async def get(self, endpoint_id: int) -> models.Endpoint:
        return await self._transport.get(f"webhook-endpoints/{endpoint_id}", models.Endpoint)

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.NewEndpoint]
    ) -> models.EndpointWithSecret:
        """Create an endpoint. Only this answer has its secret, which `verify_webhook` needs."""
        return await self._transport.post("webhook-endpoints", models.EndpointWithSecret, body, idempotency_key)

    async def change(
        self, endpoint_id: int, *, idempotency_key: str | None = None, **changes: Unpack[params.PatchedEndpointChange]
    ) -> models.Endpoint:
        return await self._transport.patch(
            f"webhook-endpoints/{endpoint_id}", models.Endpoint, changes, idempotency_key
        )

    async def delete(self, endpoint_id: int, *, idempotency_key: str | None = None) -> models.Endpoint:
        return await self._transport.delete(f"webhook-endpoints/{endpoint_id}", models.Endpoint, idempotency_key)

    async def rotate_secret(
        self, endpoint_id: int, *, idempotency_key: str | None = None, **body: Unpack[params.EndpointRotation]
    ) -> models.EndpointWithSecret:
        path = f"webhook-endpoints/{endpoint_id}/rotate-secret"
        return await self._transport.post(path, models.EndpointWithSecret, body, idempotency_key)

    async def end_overlap(self, endpoint_id: int, *, idempotency_key: str | None = None) -> models.Endpoint:
        path = f"webhook-endpoints/{endpoint_id}/end-overlap"
        return await self._transport.post(path, models.Endpoint, idempotency_key=idempotency_key)

    async def test(self, endpoint_id: int, *, idempotency_key: str | None = None) -> models.Delivery:
        """Send a test event."""
        path = f"webhook-endpoints/{endpoint_id}/test"
        return await self._transport.post(path, models.Delivery, idempotency_key=idempotency_key)


class Deliveries(_Resource):
    """The deliveries of the last 30 days, the newest first."""

    def list(
        self, *, endpoint_id: int | None = None, state: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[models.Delivery]:
        query = {"endpoint_id": endpoint_id, "state": state, "limit": page_size}
        return self._transport.results("deliveries", models.Delivery, query)

    async def get(self, delivery_id: int) -> models.Delivery:
        return await self._transport.get(f"deliveries/{delivery_id}", models.Delivery)

    async def replay(self, delivery_id: int, *, idempotency_key: str | None = None) -> models.Delivery:
        """Send an event again."""
        path = f"deliveries/{delivery_id}/replay"
        return await self._transport.post(path, models.Delivery, idempotency_key=idempotency_key)


class Events(_Resource):
    """The events of the last 30 days, the oldest first."""

    def list(
        self,
        *,
        after: int | None = None,
        kind: str | None = None,
        outlet: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Event]:
        """Yield the events so far; with `after`, only those that follow the event with this id."""
        query = {"after": after, "kind": kind, "outlet": outlet, "limit": page_size}
        return self._transport.results("events", cast(Any, Event), query)
