"""The views of requests and message types. Each calls a service or the relay; none writes rows."""

import asyncio
import uuid
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

from django.db import DatabaseError, InterfaceError

from integrations.backend.base import problems
from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.idempotency import idempotency_key
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.problems import Problem, invalid, invalid_fields
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.outlets.rows import find_target
from integrations.backend.requests import order_calls, outcomes, rows
from integrations.backend.requests.schema import CANCEL, GET_REQUEST, LIST_MESSAGE_TYPES, LIST_REQUESTS, SEND_REQUEST
from integrations.backend.requests.serializers import MessageTypeSerializer, RequestSerializer
from integrations.models import MessageType
from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.relay.delivery.transient_requests import LINK_LOST
from integrations.relay.delivery.waiters import Completion
from integrations.services import wake
from integrations.services.audit import Actor
from integrations.services.requests.request_types import NewRequest, Stored, TooLate
from integrations.services.rows.threads import DatabaseUnresponsive, readers
from integrations.wire.payloads import checking
from integrations.wire.payloads.request_models import MODELS
from integrations.wire.plain_http import PlainRequest, PlainResponse

Done = TypeVar("Done")
NOT_STORED_IN_TIME = "The database did not store the request in time. Send it again with the same request_id."
NOT_ASKED_IN_TIME = "The database did not answer in time, so nothing was sent to the POS. Send the request again."


class OutletRequestsView(BackendView):
    """Sends a request to an outlet's POS."""

    http_method_names = ["post"]

    @SEND_REQUEST
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        received_at = shared_now()
        if self.running.is_draining:
            raise Problem(problems.DRAINING)
        check_names(request.query, ())
        order = order_calls.read_order(request.body).identified_by(idempotency_key(request))
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
            stored = await _within_timeout(self.running.dispatcher.submit(new), order, new)
            return outcomes.accepted(stored.uuid, new.request_id)
        completion: Completion = asyncio.get_running_loop().create_future()
        try:
            stored = await _within_timeout(self.running.dispatcher.submit(new, completion), order, new)
            return await self._wait_for_result(stored, new, order, completion if stored.is_new else None)
        finally:
            completion.cancel()

    async def _integration_of(self, provider_outlet_id: str) -> int:
        target = await find_target(provider_outlet_id, self.caller)
        if target.integration_id is None or not target.is_enabled:
            raise Problem(problems.DISABLED)
        return target.integration_id

    async def _poll(self, order: order_calls.OrderCall, new: NewRequest, *, is_known: bool) -> PlainResponse:
        if not order.request_id:  # the portal generated the RequestID, so it cannot have been used before
            return await self._ask(order, new)
        with self.running.transient_requests.looking_up(new):
            earlier = (
                None if is_known else await _within_timeout(self.running.dispatcher.find_repeated(new), order, new)
            )
            if earlier is not None:
                return await self._wait_for_result(earlier, new, order)
            return await self._ask(order, new)

    async def _ask(self, order: order_calls.OrderCall, new: NewRequest) -> PlainResponse:
        try:
            result = await self.running.transient_requests.ask(new, _seconds_left(order.timeout, new))
        except TooLate:
            raise Problem(problems.DATABASE_AWAY, NOT_ASKED_IN_TIME, request_id=new.request_id) from None
        if result.state == RequestState.FAILED and result.failure == LINK_LOST:
            raise Problem(problems.LINK_LOST, id=str(result.uuid), request_id=new.request_id)
        return outcomes.answer_of(result, new, order.message_type)

    async def _wait_for_result(
        self, stored: Stored, new: NewRequest, order: order_calls.OrderCall, completion: Completion | None = None
    ) -> PlainResponse:
        try:
            result = await self.running.dispatcher.wait(stored.pk, _seconds_left(order.timeout, new), completion)
        except (DatabaseError, InterfaceError) as error:
            # The request is stored, so the portal continues to process it.
            raise outcomes.no_answer(stored.uuid, new.request_id) from error
        if not result.is_final and self.running.is_draining:
            raise outcomes.unfinished(problems.DRAINING, stored.uuid, new.request_id, state=result.state)
        return outcomes.answer_of(result, new, order.message_type)


class RequestsView(BackendView):
    """The requests to the outlets that the API key may see, newest first."""

    http_method_names = ["get"]

    @LIST_REQUESTS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, rows.FILTERS)
        found, after = await readers.run(rows.requests_page, self.caller, request)
        return page_answer(request, RequestSerializer(found, many=True).data, after)


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
        cancelled: list[int] = []
        answer = await self.change(partial(_cancel, self.caller, request_uuid, cancelled, actor=self.actor))
        if cancelled:
            await self.running.dispatcher.ended(cancelled)
            self.running.wakeups.send(wake.ENDED, cancelled)
        return answer


class MessageTypesView(BackendView):
    """The message types that this portal knows by name."""

    http_method_names = ["get"]

    @LIST_MESSAGE_TYPES
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return plain_data({"results": MessageTypeSerializer(await readers.run(rows.message_types), many=True).data})


def _cancel(caller: Caller, request_uuid: uuid.UUID, cancelled: list[int], *, actor: Actor) -> PlainResponse:
    """Cancel a request, add its primary key to `cancelled`, and return the answer. Raises Problem."""
    row = rows.cancel_request(caller, request_uuid, actor=actor)
    cancelled.append(row.pk)
    return outcomes.whole_request(row, caller)


async def _within_timeout(storing: Awaitable[Done], order: order_calls.OrderCall, new: NewRequest) -> Done:
    """Return the result of a database operation within the caller's timeout. Raises Problem if it takes longer."""
    try:
        async with asyncio.timeout(_seconds_left(order.timeout, new)):
            return await storing
    except (TimeoutError, TooLate, DatabaseUnresponsive):
        raise Problem(problems.DATABASE_AWAY, NOT_STORED_IN_TIME, request_id=new.request_id) from None


def _seconds_left(seconds: int, new: NewRequest) -> float:
    return max(0.0, seconds - (shared_now() - new.received_at).total_seconds())


async def _message_type_of(order: order_calls.OrderCall) -> int:
    """Return the number of the message type. Check the payload if `validate` requires a check. Raises Problem."""
    by_name = isinstance(order.message_type, str)
    known = await rows.find_message_type(order.message_type) if by_name or order.validate else None
    number = _number_of(order.message_type, known)
    model = known.payload_model if known else ""
    if order.validate or (order.validate is None and by_name and model in MODELS):
        _check_payload(order.payload, model)
    return number


def _number_of(message_type: int | str, known: MessageType | None) -> int:
    if not isinstance(message_type, str):
        return message_type
    if known is None:
        raise invalid("message_type", "is not the name of a known message type")
    if known.number is None:
        raise invalid("message_type", "has no number yet: ask staff to enter it in the portal, or send a number")
    return known.number


def _check_payload(payload: str, model: str) -> None:
    if model not in MODELS:
        raise invalid("validate", "is not possible: no payload model is known for this message type")
    try:
        checking.check(payload, model)
    except checking.Invalid as error:
        raise invalid_fields({f"payload.{path}": what for path, what in error.errors.items()}) from error
