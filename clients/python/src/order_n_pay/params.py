# Written by script/clients from the API's OpenAPI document. Do not edit it.

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

from typing_extensions import NotRequired, TypedDict


class Adjustment(TypedDict):
    Amount: Decimal | int
    """
    The amount; the sign of a discount is not documented.
    """
    Name: str
    """
    The reason for the adjustment.
    """
    ProviderAdjustmentID: NotRequired[str | None]
    """
    Your ID for the adjustment.
    """
    AdjustmentID: NotRequired[str | None]
    """
    The POS's adjustment; null: the POS's fallback.
    """


class ChildProduct(TypedDict):
    ProductType: int
    """
    0 is an ordinary product, with a PLU; other numbers are not documented.
    """
    Name: str
    """
    The product's name in your system.
    """
    Quantity: int
    """
    Whole units.
    """
    Price: Decimal | int
    """
    Price of one unit; may be 0 if the POS sets the prices.
    """
    TotalAmount: Decimal | int
    """
    Quantity times price; may be 0 if the POS sets the prices.
    """
    ProviderProductID: NotRequired[str | None]
    """
    Your ID for this line.
    """
    PLUIdentifier: NotRequired[str | None]
    """
    The product on the POS: the GUID or number of its PLU.
    """
    SalesModifierIdentifier: NotRequired[str | None]
    """
    A modifier on the POS: its GUID or prefix.
    """
    SalesModifierName: NotRequired[str | None]
    """
    Name or prefix of the modifier.
    """


class Enable(TypedDict):
    """
    The values that enable an outlet.
    """

    pos_remote_id: str
    """
    The ID that PowerEPOS assigned.
    """
    adopted_secret: NotRequired[str]
    """
    A secret that PowerEPOS already has. Without it, the portal generates one, which is safer.
    """


class NewOutlet(TypedDict):
    """
    A new outlet. With `pos_remote_id`, the call also enables it.
    """

    organisation_id: int
    """
    The organisation of the outlet.
    """
    name: str
    """
    Unique in the organisation.
    """
    provider_outlet_id: NotRequired[str]
    """
    Your own ID for the outlet; generated if you send none. Fixed once the outlet is enabled.
    """
    alert_after_minutes: NotRequired[int | None]
    """
    Alert when the POS has been offline for this long; null for the portal's limit.
    """
    opening_hours: NotRequired[str]
    """
    Alerts are sent during these hours only; empty for the organisation's. Example: mon-fri 09:00-23:00
    """
    time_zone: NotRequired[str]
    """
    An IANA time zone, such as Europe/London; empty for the organisation's time zone.
    """
    pos_remote_id: NotRequired[str]
    """
    The ID that PowerEPOS assigned.
    """
    adopted_secret: NotRequired[str]
    """
    A secret that PowerEPOS already has. Without it, the portal generates one, which is safer.
    """


class Note(TypedDict):
    """
    PowerEPOS' page about this message could not be read, so any object is accepted.
    """


class OptionalReason(TypedDict):
    """
    Why the call was made; the audit event has it.
    """

    reason: NotRequired[str]


class OrderNPayGetOpenOrdersRequest(TypedDict):
    ServiceModeEntityID: NotRequired[str | None]
    """
    Only orders of this table; empty: all orders (inferred).
    """
    UserOrdersOnly: NotRequired[bool]
    """
    Only orders of the requesting user (inferred from the name).
    """


class OrderNPayGetUserFromPINRequest(TypedDict):
    PIN: str
    """
    The PIN that a person entered.
    """


class OrganisationBody(TypedDict):
    """
    The fields of an organisation that a caller sets.
    """

    name: str
    """
    Unique.
    """
    opening_hours: NotRequired[str]
    """
    Alerts are sent during these hours only; empty for all hours. Example: mon-fri 09:00-23:00
    """
    time_zone: NotRequired[str]
    """
    An IANA time zone, such as Europe/London; empty for the portal's time zone.
    """


class OtherOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: int
    """
    The number of any message type. A call may also have the name of one that staff added.
    """
    payload: dict[str, Any]
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class PatchedOrganisationBody(TypedDict):
    """
    The fields of an organisation that a caller sets.
    """

    name: NotRequired[str]
    """
    Unique.
    """
    opening_hours: NotRequired[str]
    """
    Alerts are sent during these hours only; empty for all hours. Example: mon-fri 09:00-23:00
    """
    time_zone: NotRequired[str]
    """
    An IANA time zone, such as Europe/London; empty for the portal's time zone.
    """


class PatchedOutletChange(TypedDict):
    """
    The fields of an outlet that a caller sets.
    """

    organisation_id: NotRequired[int]
    """
    The organisation of the outlet.
    """
    name: NotRequired[str]
    """
    Unique in the organisation.
    """
    provider_outlet_id: NotRequired[str]
    """
    Your own ID for the outlet; generated if you send none. Fixed once the outlet is enabled.
    """
    alert_after_minutes: NotRequired[int | None]
    """
    Alert when the POS has been offline for this long; null for the portal's limit.
    """
    opening_hours: NotRequired[str]
    """
    Alerts are sent during these hours only; empty for the organisation's. Example: mon-fri 09:00-23:00
    """
    time_zone: NotRequired[str]
    """
    An IANA time zone, such as Europe/London; empty for the organisation's time zone.
    """


class Payment(TypedDict):
    AmountSale: Decimal | int
    """
    The amount for the sale, without tip, surcharge and service charge.
    """
    Name: str
    """
    The payment method.
    """
    ProviderPaymentID: NotRequired[str | None]
    """
    Your ID for the payment.
    """
    AmountTip: NotRequired[Decimal | int | None]
    """
    The tip.
    """
    AmountSurcharge: NotRequired[Decimal | int | None]
    """
    A surcharge, for example for a card.
    """
    ExplicitServiceChargeAmount: NotRequired[Decimal | int | None]
    """
    A service charge in addition to AmountSale; null: the POS takes it from AmountSale.
    """
    MerchantID: NotRequired[str | None]
    """
    The merchant.
    """
    TerminalID: NotRequired[str | None]
    """
    The payment terminal.
    """


class PosRemoteId(TypedDict):
    """
    The correct POSRemoteID of an enabled outlet.
    """

    pos_remote_id: str


class Product(TypedDict):
    ProductType: int
    """
    0 is an ordinary product, with a PLU; other numbers are not documented.
    """
    Name: str
    """
    The product's name in your system.
    """
    Quantity: int
    """
    Whole units.
    """
    Price: Decimal | int
    """
    Price of one unit; may be 0 if the POS sets the prices.
    """
    TotalAmount: Decimal | int
    """
    Quantity times price; may be 0 if the POS sets the prices.
    """
    ProviderProductID: NotRequired[str | None]
    """
    Your ID for this line.
    """
    PLUIdentifier: NotRequired[str | None]
    """
    The product on the POS: the GUID or number of its PLU.
    """
    SalesModifierIdentifier: NotRequired[str | None]
    """
    A modifier on the POS: its GUID or prefix.
    """
    SalesModifierName: NotRequired[str | None]
    """
    Name or prefix of the modifier.
    """
    ChildProducts: NotRequired[list[ChildProduct] | None]
    """
    Lines that belong to this one; one level only.
    """
    Adjustment: NotRequired[Adjustment | None]
    """
    A discount or surcharge on this line.
    """


class Reason(TypedDict):
    """
    Why the outlet is disabled; staff see it.
    """

    reason: str


class Rotation(TypedDict):
    """
    How long the old secret stays valid.
    """

    overlap: NotRequired[Literal["0", "1h", "24h", "7d"]]
    """
    Default: 0, it ends now.
    """


class EndpointRotation(TypedDict):
    """
    How long events are also signed with the old secret.
    """

    overlap: NotRequired[Literal["0", "1h", "24h", "7d"]]
    """
    Default: 0, it ends now.
    """


class GetOpenOrdersOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["GetOpenOrders"]
    payload: OrderNPayGetOpenOrdersRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class GetUserFromPINOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["GetUserFromPIN"]
    payload: OrderNPayGetUserFromPINRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class NewEndpoint(TypedDict):
    """
    A new webhook endpoint.
    """

    url: str
    """
    The address that receives the events: https, on the public internet.
    """
    kinds: list[
        Literal[
            "outlet.online",
            "outlet.offline",
            "request.finished",
            "authentication.refused",
            "pos.stray_message",
            "outlet.enabled",
            "outlet.disabled",
            "secret.rotated",
            "alert.began",
            "alert.ended",
        ]
    ]
    """
    The types of the events to send.
    """
    name: str
    """
    The receiving system; unique. It cannot change later.
    """
    organisation_id: NotRequired[int | None]
    """
    Send only events of this organisation; null for all. Default: the organisation of the API key.
    """


class NewLinkBody(TypedDict):
    """
    The options of a new link and of the new secret that it hands over.
    """

    hours: NotRequired[int]
    """
    How long it is valid; by default, as long as the setting of the portal says.
    """
    passphrase: NotRequired[str]
    """
    At least 10 characters that are not easy to guess; generated if you send none.
    """
    overlap: NotRequired[Literal["0", "1h", "24h", "7d"]]
    """
    How long the old secret stays valid. Default: 0, it ends now.
    """
    pos_remote_id: NotRequired[str]
    """
    Only for an outlet that was never enabled: the call enables it.
    """


class OrderNPayCreateOrderRequest(TypedDict):
    ProviderOrderID: str
    """
    Your ID for the order.
    """
    ServiceModeID: str
    """
    The service mode in which the order is opened.
    """
    ServiceModeEntityID: str
    """
    The number of the table, tab or similar.
    """
    IsTraining: NotRequired[bool]
    """
    Whether it is a training order.
    """
    Products: NotRequired[list[Product] | None]
    """
    The order's lines.
    """
    Payments: NotRequired[list[Payment] | None]
    """
    Payments already made; with them, your prices are always used.
    """
    Adjustments: NotRequired[list[Adjustment] | None]
    """
    Discounts and surcharges on the order.
    """
    Notes: NotRequired[list[Note] | None]
    """
    Notes on the order, for example a pager number.
    """
    ServiceChargeAmount: NotRequired[Decimal | int | None]
    """
    An explicit service charge, 0 or more; null: the POS decides.
    """
    UseProviderPrices: NotRequired[bool]
    """
    Whether your prices are used; otherwise the POS sets them.
    """
    Covers: NotRequired[int | None]
    """
    The number of guests.
    """


class OrderNPayCreatePaymentRequest(TypedDict):
    SalesTransactionID: str
    """
    The order to pay (inferred: this model's page is not known).
    """
    Payment: NotRequired[Payment | None]
    """
    The payment (inferred).
    """


class OrderNPaySimulateOrderRequest(TypedDict):
    ServiceModeID: str
    """
    The service mode in which the order is opened.
    """
    ServiceModeEntityID: str
    """
    The number of the table, tab or similar.
    """
    Products: list[Product]
    """
    The order's lines.
    """
    ProviderOrderID: NotRequired[str | None]
    """
    Your ID for the order.
    """
    ApplyAutomaticAdjustments: NotRequired[bool]
    """
    Whether the POS applies its own adjustments and returns them.
    """
    UseProviderPrices: NotRequired[bool]
    """
    Whether your prices are used; otherwise the POS sets them.
    """
    Payments: NotRequired[list[Payment] | None]
    """
    Payments already made; with them, your prices are always used.
    """
    Adjustments: NotRequired[list[Adjustment] | None]
    """
    Discounts and surcharges on the order.
    """
    Notes: NotRequired[list[Note] | None]
    """
    Notes on the order, for example a pager number.
    """
    ServiceChargeAmount: NotRequired[Decimal | int | None]
    """
    An explicit service charge, 0 or more; null: the POS decides.
    """


class OrderNPayUpdateOrderRequest(TypedDict):
    SalesTransactionID: str
    """
    The order to update.
    """
    ProviderOrderID: NotRequired[str | None]
    """
    Your ID for the order.
    """
    UseProviderPrices: NotRequired[bool]
    """
    Whether your prices are used; otherwise the POS sets them.
    """
    Products: NotRequired[list[Product] | None]
    """
    Lines to add.
    """
    Adjustments: NotRequired[list[Adjustment] | None]
    """
    Adjustments to add.
    """
    Notes: NotRequired[list[Note] | None]
    """
    Notes on the order, or on particular lines.
    """
    ServiceChargeAmount: NotRequired[Decimal | int | None]
    """
    An explicit service charge, 0 or more; null: the POS decides.
    """
    Covers: NotRequired[int | None]
    """
    The new number of guests.
    """


class PatchedEndpointChange(TypedDict):
    """
    The fields of a webhook endpoint that can change.
    """

    url: NotRequired[str]
    """
    The address that receives the events: https, on the public internet.
    """
    kinds: NotRequired[
        list[
            Literal[
                "outlet.online",
                "outlet.offline",
                "request.finished",
                "authentication.refused",
                "pos.stray_message",
                "outlet.enabled",
                "outlet.disabled",
                "secret.rotated",
                "alert.began",
                "alert.ended",
            ]
        ]
    ]
    """
    The types of the events to send.
    """
    enabled: NotRequired[bool]
    """
    false: send no events until it is enabled again.
    """
    reason: NotRequired[str]
    """
    Why it is disabled; required with `enabled: false`.
    """


class SimulateOrderOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["SimulateOrder"]
    payload: OrderNPaySimulateOrderRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class UpdateOrderOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["UpdateOrder"]
    payload: OrderNPayUpdateOrderRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class CreateOrderOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["CreateOrder"]
    payload: OrderNPayCreateOrderRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


class CreatePaymentOrder(TypedDict, closed=True):
    """
    A request to an outlet's POS.
    """

    message_type: Literal["CreatePayment"]
    payload: OrderNPayCreatePaymentRequest
    """
    Forwarded unchanged: same keys, same order, same digits.
    """
    device_id: str
    """
    Which of your devices sends the request.
    """
    user_identifier: NotRequired[str | None]
    """
    A POS user's PIN or ID.
    """
    request_id: NotRequired[str]
    """
    Your idempotency key; generated if you send none.
    """
    mode: NotRequired[Literal["wait", "async"]]
    """
    Default: "wait".
    """
    timeout: NotRequired[int]
    """
    Seconds. Default: 30.
    """
    expires_in: NotRequired[int]
    """
    Seconds; 0: only if the POS is online now. Default: 0.
    """
    durable: NotRequired[bool]
    """
    false: one attempt, recorded afterwards; for polling. Default: true.
    """
    validate: NotRequired[bool]
    """
    Check the payload against its model. By default, it is checked if `message_type` is a name.
    """


Order: TypeAlias = (
    OtherOrder
    | GetUserFromPINOrder
    | GetOpenOrdersOrder
    | CreateOrderOrder
    | UpdateOrderOrder
    | SimulateOrderOrder
    | CreatePaymentOrder
)
"""
A request to an outlet's POS.
"""
