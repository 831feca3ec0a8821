"""The client, which sends requests to POSes and gives access to the resources of the API."""

import time
from collections.abc import Mapping
from typing import Any, Literal, cast, overload

import httpx2
from typing_extensions import Self, Unpack

from order_n_pay import models, params
from order_n_pay._requests import RequestBody, SendOptions, SubmitOptions
from order_n_pay._retrying import Deadline
from order_n_pay._sync.outlets import Outlets, path_of
from order_n_pay._sync.resources import Deliveries, Events, Organisations, Requests, WebhookEndpoints
from order_n_pay._sync.transport import Transport, parse
from order_n_pay.errors import OutcomeUnknown

_DEADLINE = 60.0  # seconds


class Client:
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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._deadline = deadline
        self._transport = Transport(url, api_key, deadline=deadline, transport=transport)
        self.organisations = Organisations(self._transport)
        self.outlets = Outlets(self._transport)
        self.requests = Requests(self._transport)
        self.webhook_endpoints = WebhookEndpoints(self._transport)
        self.deliveries = Deliveries(self._transport)
        self.events = Events(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    # The overloads, written by script/clients.

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["GetUserFromPIN"],
        payload: params.OrderNPayGetUserFromPINRequest,
        **options: Unpack[SendOptions],
    ) -> models.GetUserFromPINAnswer: ...

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["GetOpenOrders"],
        payload: params.OrderNPayGetOpenOrdersRequest,
        **options: Unpack[SendOptions],
    ) -> models.GetOpenOrdersAnswer: ...

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["CreateOrder"],
        payload: params.OrderNPayCreateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.CreateOrderAnswer: ...

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["UpdateOrder"],
        payload: params.OrderNPayUpdateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.UpdateOrderAnswer: ...

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["SimulateOrder"],
        payload: params.OrderNPaySimulateOrderRequest,
        **options: Unpack[SendOptions],
    ) -> models.SimulateOrderAnswer: ...

    @overload
    def send(
        self,
        outlet: str,
        message_type: Literal["CreatePayment"],
        payload: params.OrderNPayCreatePaymentRequest,
        **options: Unpack[SendOptions],
    ) -> models.CreatePaymentAnswer: ...

    # The end of the overloads.

    @overload
    def send(
        self, outlet: str, message_type: int, payload: Mapping[str, object], **options: Unpack[SendOptions]
    ) -> models.OtherAnswer: ...

    def send(self, outlet: str, message_type: str | int, payload: Any, **options: Unpack[SendOptions]) -> object:
        """Send a request to the outlet's POS, and return the POS's answer: `outcome` is `answered` or `refused`.

        A lost answer, a time-out or a busy portal leads to another attempt with the same `request_id`, so there is one
        request, and one order. Raises OutcomeUnknown at the deadline.
        """
        deadline = Deadline(options.get("deadline", self._deadline))
        content = self._send(outlet, RequestBody(message_type, payload, options, mode="wait"), deadline, options)
        name = content.get("message_type")
        kind = getattr(models, f"{name}Answer", models.OtherAnswer) if isinstance(name, str) else models.OtherAnswer
        return parse(kind, content)

    def submit(
        self,
        outlet: str,
        message_type: str | int,
        payload: Mapping[str, object],
        **options: Unpack[SubmitOptions],
    ) -> models.Receipt:
        """Store a request to the outlet's POS, and return at once. `wait` returns its outcome."""
        body = RequestBody(message_type, payload, options, mode="async")
        return parse(models.Receipt, self._send(outlet, body, Deadline(self._deadline), options))

    def wait(self, id: str, *, deadline: float | None = None) -> models.WholeRequest:
        """Wait until the request with this id has ended, and return it. Raises OutcomeUnknown at the deadline."""
        until = Deadline(self._deadline if deadline is None else deadline)
        while True:
            content = self._transport.exchange("GET", f"requests/{id}", until)
            request = parse(models.WholeRequest, content)
            if request.ended_at:
                return request
            pause = until.next_pause(None)
            if pause is None:
                raise OutcomeUnknown(request.request_id)
            time.sleep(pause)

    def message_types(self) -> list[models.MessageType]:
        """Return the message types that the portal knows by name."""
        return (self._transport.get("message-types", models.MessageTypes)).results

    def api_key(self) -> models.ApiKey:
        """Return the owner, scopes and limits of the API key that this client uses."""
        return self._transport.get("api-key", models.ApiKey)

    def _send(
        self, outlet: str, body: RequestBody, deadline: Deadline, options: Mapping[str, object]
    ) -> dict[str, Any]:
        content = self._transport.exchange(
            "POST",
            f"{path_of(outlet)}/requests",
            deadline,
            body=lambda: body.as_waiting_until(deadline),
            key=body.request_id,
            is_repeatable=options.get("durable") is not False,
        )
        return cast(dict[str, Any], content)
