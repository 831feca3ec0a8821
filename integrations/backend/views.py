"""The views of the API. Each parses the call, calls a service or the relay, and answers; none writes rows."""

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError
from django.urls import reverse
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from integrations.backend import orders, outcomes, problems, rows
from integrations.backend.authentication import Caller, authenticate, check_scope, requires
from integrations.backend.pagination import next_link
from integrations.backend.problems import Problem
from integrations.backend.query import check_names, invalid, invalid_fields
from integrations.backend.schema import (
    CANCEL,
    GET_API_KEY,
    GET_OUTLET,
    GET_REQUEST,
    LIST_MESSAGE_TYPES,
    LIST_OUTLETS,
    LIST_REQUESTS,
    SEND_REQUEST,
)
from integrations.backend.serializers import (
    ApiKeySerializer,
    MessageTypeSerializer,
    OutletSerializer,
    RequestSerializer,
)
from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.relay.delivery.transient_requests import LINK_LOST
from integrations.relay.delivery.waiters import Completion
from integrations.relay.runtime import Runtime
from integrations.services import wake
from integrations.services.requests.request_types import NewRequest, Stored, TooLate
from integrations.services.rows.threads import readers, within, writers
from integrations.text.client_address import address_in
from integrations.wire import payload_models
from integrations.wire.plain_http import PlainRequest, PlainResponse

Done = TypeVar("Done")

PLACES = ("outlets", "requests", "message-types", "api-key", "schema", "docs")
CANCEL_SECONDS = 5.0  # how long a cancellation waits for the database
NOT_STORED_IN_TIME = "The database did not store the request in time. Send it again with the same request_id."
NOT_ASKED_IN_TIME = "The database did not answer in time, so nothing was sent to the POS. Send the request again."


class BackendView(APIView):
    """Authenticates the caller first, and answers every error with a problem.

    The handlers are coroutines that wait for shared look-ups and for a POS. The answer is always JSON, and the body is
    parsed whatever its Content-Type. So DRF's request, content negotiation and rendering are bypassed; they would cost
    as much as the rest of a call.
    """

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)
    caller: Caller
    running: Runtime

    async def dispatch(  # type: ignore[override]
        self, request: PlainRequest, *_args: Any, **kwargs: Any
    ) -> PlainResponse:
        """Return the answer to a request, including for errors."""
        try:
            return await self.answer(request, **kwargs)
        except Exception as error:  # noqa: BLE001  (the caller gets JSON for every error)
            return problems.answer(error)

    async def answer(self, request: PlainRequest, **kwargs: Any) -> PlainResponse:
        """Authenticate the caller and return the handler's answer. Raises Problem, or the exception of the handler."""
        self.running = await runtime.running()
        header, address = request.header(b"authorization"), address_in(request.scope)
        self.caller = await authenticate(header, self.running.recorder, address=address)
        method = "get" if request.method == "HEAD" else request.method.lower()
        if method not in self.http_method_names or not hasattr(self, method):
            allowed = ", ".join(self.allowed_methods).replace("GET", "GET, HEAD")
            raise Problem(problems.METHOD_NOT_ALLOWED, headers={"Allow": allowed})
        handler = getattr(self, method)
        check_scope(self.caller, handler)
        response: PlainResponse = await handler(request, **kwargs)
        return response


class RootView(BackendView):
    """Lists the addresses of the API. A client can use it to check the connection and its API key."""

    http_method_names = ["get"]
    schema = None

    @requires(None)
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return outcomes.plain_data({name: reverse(f"backend-{name}") for name in PLACES})


class OutletsView(BackendView):
    """The outlets that the API key may see."""

    http_method_names = ["get"]

    @LIST_OUTLETS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("organisation", "online", "limit", "cursor"))
        found, after = await readers.run(rows.outlets_page, self.caller, request.query)
        link = next_link(request.path, request.query, after)
        return outcomes.plain_data({"results": OutletSerializer(found, many=True).data, "next": link})


class OutletView(BackendView):
    """One outlet."""

    http_method_names = ["get"]

    @GET_OUTLET
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ())
        return outcomes.plain_data(
            OutletSerializer(await readers.run(rows.get_outlet, self.caller, provider_outlet_id)).data
        )


class OutletRequestsView(BackendView):
    """Sends a request to an outlet's POS."""

    http_method_names = ["post"]

    @SEND_REQUEST
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        received_at = shared_now()
        if self.running.is_draining:
            raise Problem(problems.DRAINING)
        check_names(request.query, ())
        order = orders.read_order(request.body)
        integration_id = await self._integration_of(provider_outlet_id)
        new = order.as_request(
            await _message_type_of(order),
            integration_id=integration_id,
            api_key_id=self.caller.api_key_id,
            received_at=received_at,
        )
        joined = self.running.transient_requests.join(new)
        if joined is not None and order.mode == "async":
            return outcomes.accepted(joined, new.request_id)
        if joined is not None or not order.durable:
            return await self._poll(order, new, is_known=joined is not None)
        if order.mode == "async":
            stored = await _in_time(self.running.dispatcher.submit(new), order, new)
            return outcomes.accepted(stored.uuid, new.request_id)
        completion: Completion = asyncio.get_running_loop().create_future()
        try:
            stored = await _in_time(self.running.dispatcher.submit(new, completion), order, new)
            return await self._wait(stored, new, order.timeout, completion if stored.is_new else None)
        finally:
            completion.cancel()

    async def _integration_of(self, provider_outlet_id: str) -> int:
        target = await rows.find_target(provider_outlet_id, self.caller)
        if target.integration_id is None or not target.is_enabled:
            raise Problem(problems.DISABLED)
        return target.integration_id

    async def _poll(self, order: orders.Order, new: NewRequest, *, is_known: bool) -> PlainResponse:
        if not order.request_id:  # the request_id was generated, so it cannot have been used before
            return await self._ask(order, new)
        with self.running.transient_requests.looking_up(new):
            earlier = None if is_known else await _in_time(self.running.dispatcher.find_repeated(new), order, new)
            if earlier is not None:
                return await self._wait(earlier, new, order.timeout)
            return await self._ask(order, new)

    async def _ask(self, order: orders.Order, new: NewRequest) -> PlainResponse:
        try:
            result = await self.running.transient_requests.ask(new, _seconds_left(order.timeout, new))
        except TooLate:
            raise Problem(problems.DATABASE_AWAY, NOT_ASKED_IN_TIME, request_id=new.request_id) from None
        if result.state == RequestState.FAILED and result.failure == LINK_LOST:
            raise Problem(problems.LINK_LOST, id=str(result.uuid), request_id=new.request_id)
        return outcomes.answer_of(result, new.request_id)

    async def _wait(
        self, stored: Stored, new: NewRequest, seconds: int, completion: Completion | None = None
    ) -> PlainResponse:
        try:
            result = await self.running.dispatcher.wait(stored.pk, _seconds_left(seconds, new), completion)
        except (DatabaseError, InterfaceError) as error:
            raise outcomes.no_answer(stored.uuid, new.request_id) from error  # the stored request continues
        if not result.is_final and self.running.is_draining:
            raise outcomes.unfinished(problems.DRAINING, stored.uuid, new.request_id, state=result.state)
        return outcomes.answer_of(result, new.request_id)


class RequestsView(BackendView):
    """The requests to the outlets that the API key may see, newest first."""

    http_method_names = ["get"]

    @LIST_REQUESTS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("outlet", "state", "since", "limit", "cursor"))
        found, after = await readers.run(rows.requests_page, self.caller, request.query)
        link = next_link(request.path, request.query, after)
        return outcomes.plain_data({"results": RequestSerializer(found, many=True).data, "next": link})


class RequestView(BackendView):
    """One request and its outcome."""

    http_method_names = ["get"]

    @GET_REQUEST
    async def get(self, request: PlainRequest, request_uuid: uuid.UUID) -> PlainResponse:
        check_names(request.query, ())
        return outcomes.whole_request(await readers.run(rows.get_request, self.caller, request_uuid), self.caller)


class CancelView(BackendView):
    """Cancels a request that has not been sent."""

    http_method_names = ["post"]

    @CANCEL
    async def post(self, request: PlainRequest, request_uuid: uuid.UUID) -> PlainResponse:
        check_names(request.query, ())
        row = await within(CANCEL_SECONDS, writers.run(rows.cancel_request, self.caller, request_uuid))
        await self.running.dispatcher.ended([row.pk])
        self.running.wakeups.send(wake.ENDED, [row.pk])
        return outcomes.whole_request(row, self.caller)


class MessageTypesView(BackendView):
    """The message types that this portal knows by name."""

    http_method_names = ["get"]

    @LIST_MESSAGE_TYPES
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return outcomes.plain_data(
            {"results": MessageTypeSerializer(await readers.run(rows.message_types), many=True).data}
        )


class ApiKeyView(BackendView):
    """The API key of the call: its owner, scopes and limits."""

    http_method_names = ["get"]

    @GET_API_KEY
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return outcomes.plain_data(ApiKeySerializer(await readers.run(rows.calling_secret, self.caller)).data)


class NotFoundView(BackendView):
    """Answers 404 for every other path below the API's prefix."""

    schema = None

    async def answer(self, request: PlainRequest, **_kwargs: Any) -> PlainResponse:  # noqa: ARG002
        raise Problem(problems.NOT_FOUND)


async def _in_time(storing: Awaitable[Done], order: orders.Order, new: NewRequest) -> Done:
    """Return the result of a database operation within the caller's timeout. Raises Problem after it."""
    try:
        async with asyncio.timeout(_seconds_left(order.timeout, new)):
            return await storing
    except (TimeoutError, TooLate):
        raise Problem(problems.DATABASE_AWAY, NOT_STORED_IN_TIME, request_id=new.request_id) from None


def _seconds_left(seconds: int, new: NewRequest) -> float:
    return max(0.0, seconds - (shared_now() - new.received_at).total_seconds())


async def _message_type_of(order: orders.Order) -> int:
    """Return the number to send. Raises Problem, also if validation was requested and the payload is not valid."""
    by_name = isinstance(order.message_type, str)
    known = await rows.find_message_type(order.message_type) if by_name or order.validate else None
    if order.validate:
        _check(order.payload, known.payload_model if known else "")
    if not isinstance(order.message_type, str):
        return order.message_type
    if known is None:
        raise invalid("message_type", "is not the name of a known message type")
    if known.number is None:
        raise invalid("message_type", "has no number yet: ask staff to enter it in the portal, or send a number")
    return known.number


def _check(payload: str, model: str) -> None:
    if model not in payload_models.MODELS:
        raise invalid("validate", "is not possible: no payload model is known for this message type")
    try:
        payload_models.check(payload, model)
    except payload_models.Invalid as error:
        raise invalid_fields({f"payload.{path}": what for path, what in error.errors.items()}) from error
