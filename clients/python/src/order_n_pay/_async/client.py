"""The client, which sends requests to POSes and gives access to the resources of the API."""

from collections.abc import Mapping
from typing import Any, Literal, cast, overload

import anyio
import httpx2
from typing_extensions import Self, Unpack

from order_n_pay import models, params
from order_n_pay._async.outlets import Outlets, path_of
from order_n_pay._async.resources import Deliveries, Events, Organisations, Requests, WebhookEndpoints
from order_n_pay._async.transport import Transport, parse
from order_n_pay._requests import RequestBody, SendOptions, SubmitOptions
from order_n_pay._retrying import Deadline
from order_n_pay.errors import OutcomeUnknown

_DEADLINE = 60.0  # seconds


class AsyncClient:
    """Calls one portal with one API key. Use it in a `with` block, or close it.

    A call is retried with growing pauses until its outcome is known, for at most `deadline` seconds. It never takes
    effect twice.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        deadline: float = _DEADLINE,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._deadline = deadline
        self._transport = Transport(url, api_key, deadline=deadline, transport=transport)
        self.organisations = Organisations(self._transport)
        self.outlets = Outlets(self._transport)
        self.requests = Requests(self._transport)
        self.webhook_endpoints = WebhookEndpoints(self._transport)
        self.deliveries = Deliveries(self._transport)
        self.events = Events(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    # The overloads, written by script/clients.

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["GetUserFromPIN"],
        payload: params.OrderNPayGetUserFromPINRequest,
        **options: Unpack[SendOptions],
    ) -> models.GetUserFromPINAnswer: ...

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["GetOpenOrders"],
        payload: params.OrderNPayGetOpenOrdersRequest,
        **options: Unpack[SendOptions],
    ) -> models.GetOpenOrdersAnswer: ...

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["CreateOrder"],
        payload: params.OrderNPayCreateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.CreateOrderAnswer: ...

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["UpdateOrder"],
        payload: params.OrderNPayUpdateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.UpdateOrderAnswer: ...

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["SimulateOrder"],
        payload: params.OrderNPaySimulateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.SimulateOrderAnswer: ...

    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["CreatePayment"],
        payload: params.OrderNPayCreatePaymentRequest,
        **options: Unpack[SendOptions],
    ) -> models.CreatePaymentAnswer: ...

    # The end of the overloads.

    @overload
    async def send(
        self, outlet: str, message_type: int, payload: Mapping[str, object], **options: Unpack[SendOptions]
    ) -> models.OtherAnswer: ...

    async def send(self, outlet: str, message_type: str | int, payload: Any, **options: Unpack[SendOptions]) -> object:
        """Send a request to the outlet's POS, and return the POS's answer: `outcome` is `answered` or `refused`.

        A lost answer, a time-out or a busy portal leads to another attempt with the same `request_id`, so there is one
        request, and one order. Raises OutcomeUnknown at the deadline.
        """
        deadline = Deadline(options.get("deadline", self._deadline))
        content = await self._send(outlet, RequestBody(message_type, payload, options, mode="wait"), deadline, options)
        name = content.get("message_type")
        kind = getattr(models, f"{name}Answer", models.OtherAnswer) if isinstance(name, str) else models.OtherAnswer
        return parse(kind, content)

    async def submit(
        self,
        outlet: str,
        message_type: str | int,
        payload: Mapping[str, object],
        **options: Unpack[SubmitOptions],
    ) -> models.Receipt:
        """Store a request to the outlet's POS, and return at once. `wait` returns its outcome."""
        body = RequestBody(message_type, payload, options, mode="async")
        return parse(models.Receipt, await self._send(outlet, body, Deadline(self._deadline), options))

    async def wait(self, id: str, *, deadline: float | None = None) -> models.WholeRequest:
        """Wait until the request with this id has ended, and return it. Raises OutcomeUnknown at the deadline."""
        until = Deadline(self._deadline if deadline is None else deadline)
        while True:
            content = await self._transport.exchange("GET", f"requests/{id}", until)
            request = parse(models.WholeRequest, content)
            if request.ended_at:
                return request
            pause = until.next_pause(None)
            if pause is None:
                raise OutcomeUnknown(request.request_id)
            await anyio.sleep(pause)

    async def message_types(self) -> list[models.MessageType]:
        """Return the message types that the portal knows by name."""
        return (await self._transport.get("message-types", models.MessageTypes)).results

    async def api_key(self) -> models.ApiKey:
        """Return the owner, scopes and limits of the API key that this client uses."""
        return await self._transport.get("api-key", models.ApiKey)

    async def _send(
        self, outlet: str, body: RequestBody, deadline: Deadline, options: Mapping[str, object]
    ) -> dict[str, Any]:
        content = await self._transport.exchange(
            "POST",
            f"{path_of(outlet)}/requests",
            deadline,
            body=lambda: body.as_waiting_until(deadline),
            key=body.request_id,
            is_repeatable=options.get("durable") is not False,
        )
        return cast(dict[str, Any], content)
