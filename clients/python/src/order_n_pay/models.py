# Written by script/clients from the API's OpenAPI document. Do not edit it.

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel


class Adjustment(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    Amount: Decimal
    """
    The amount; the sign of a discount is not documented.
    """
    Name: str
    """
    The reason for the adjustment.
    """
    ProviderAdjustmentID: str | None = None
    """
    Your ID for the adjustment.
    """
    AdjustmentID: str | None = None
    """
    The POS's adjustment; null: the POS's fallback.
    """


class AlertSubject(BaseModel):
    """
    One of the outlets or credentials that an alert is about.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    since: AwareDatetime


class ChildProduct(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
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
    Price: Decimal
    """
    Price of one unit; may be 0 if the POS sets the prices.
    """
    TotalAmount: Decimal
    """
    Quantity times price; may be 0 if the POS sets the prices.
    """
    ProviderProductID: str | None = None
    """
    Your ID for this line.
    """
    PLUIdentifier: str | None = None
    """
    The product on the POS: the GUID or number of its PLU.
    """
    SalesModifierIdentifier: str | None = None
    """
    A modifier on the POS: its GUID or prefix.
    """
    SalesModifierName: str | None = None
    """
    Name or prefix of the modifier.
    """


class EndpointReference(BaseModel):
    """
    The webhook endpoint of a delivery.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str


class EventOrganisation(BaseModel):
    """
    The organisation that an event is about.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str


class EventOutlet(BaseModel):
    """
    The outlet that an event is about.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    provider_outlet_id: str


class HandOver(BaseModel):
    """
    The five values for PowerEPOS, under the names of the protocol. The secret is shown only once.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    ProviderOutletID: str
    POSRemoteID: str
    AuthSecret: str
    """
    Store it now: the portal cannot show it again.
    """
    AuthURL: str
    WebsocketURL: str


class NewHandoverLink(BaseModel):
    """
    A new link. Its URL and its generated passphrase are shown only once.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    state: Literal["live", "opened", "revoked", "expired", "failed"] | str
    """
    failed: blocked after too many wrong passphrases.
    """
    begins_with: str
    """
    The first characters of its secret.
    """
    tries: int
    """
    How many passphrases were tried.
    """
    created_by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None
    ended_reason: str
    """
    Why it ended unopened; otherwise empty.
    """
    address: str
    """
    From which address it was opened or blocked; otherwise empty.
    """
    user_agent: str
    """
    The user agent that opened or blocked it; otherwise empty.
    """
    url: str
    """
    The link for the recipient. It opens once, with the passphrase.
    """
    passphrase: str | None
    """
    Tell it to the recipient separately from the link; null if you chose it.
    """


class Note(BaseModel):
    """
    PowerEPOS' page about this message could not be read, so any object is accepted.
    """

    model_config = ConfigDict(
        extra="allow",
    )


class OpenOrderSummary(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    SalesTransactionID: str
    """
    The order's ID on the POS.
    """
    ServiceModePrefix: str
    """
    The short name of the service mode, such as TBL.
    """
    ServiceModeEntityID: str
    """
    The number of the table, tab or similar.
    """
    OrderNumberOpened: str
    """
    The order number, such as S1000001.
    """
    CurrencyCode: str
    """
    The currency, such as GBP.
    """
    Amount: Decimal
    """
    The total, without payments.
    """
    AmountOwing: Decimal
    """
    The amount still to pay.
    """
    InUse: bool
    """
    Whether the order is open on another terminal.
    """
    OwnedBy_UserID: str | None = None
    """
    The person who created the order.
    """
    InUseByTerminalDisplayID: str | None = None
    """
    The terminal that has it open.
    """
    InUseByUserName: str | None = None
    """
    The person who has it open.
    """


class OrderNPayCreatePaymentResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    SalesTransactionPaymentID: str | None = None
    """
    The payment; null unless it was created.
    """
    OrderSummary: OpenOrderSummary | None = None
    """
    The order after the payment; null unless it was created.
    """


class OrderNPayGetOpenOrdersResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    Orders: list[OpenOrderSummary]
    """
    The open orders; a table may have several.
    """
    UserOrdersOnly: bool
    """
    As in the request.
    """


class OrderNPayGetUserFromPINResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    UserID: str
    """
    The person's ID on the POS: the user identifier of further requests (inferred).
    """
    UserName: str
    """
    The person's name.
    """
    CanMakePayments: bool
    """
    False: the POS refuses this person's other requests.
    """


class OrderNPaySimulateOrderResponse(BaseModel):
    """
    PowerEPOS' page about this message could not be read, so any object is accepted.
    """

    model_config = ConfigDict(
        extra="allow",
    )


class OrderNPayUpdateOrderResponse(BaseModel):
    """
    PowerEPOS' page about this message could not be read, so any object is accepted.
    """

    model_config = ConfigDict(
        extra="allow",
    )


class Organisation(BaseModel):
    """
    A customer of the provider: one restaurant or a chain of them. Its id never changes, its name can.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str
    opening_hours: str
    """
    Alerts are sent during these hours only. Leave empty for all hours. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00
    """
    time_zone: str
    """
    Leave empty for the portal's time zone.
    """
    created_at: AwareDatetime


class OrganisationPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Organisation]


class OrganisationReference(BaseModel):
    """
    An organisation; its id never changes, its name can.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str


class OutOfStockProduct(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    PLUIdentifier: str
    """
    As in the request.
    """
    Name: str
    """
    The name of the product.
    """
    SalesModifierIdentifier: str | None = None
    """
    As in the request.
    """


class Outlet(BaseModel):
    """
    An outlet and the status of its POS.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    provider_outlet_id: str
    """
    The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.
    """
    name: str
    organisation_id: int
    organisation: str
    """
    The name of the organisation.
    """
    pos_remote_id: str | None
    integration: Literal["not_enabled", "enabled", "disabled"] | str
    disabled_reason: str
    """
    Why it is disabled; otherwise empty.
    """
    online: bool
    since: AwareDatetime | None
    """
    When the POS went online or offline.
    """
    last_seen: AwareDatetime | None
    """
    When the POS was last connected.
    """
    alert_after_minutes: int | None
    """
    Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.
    """
    opening_hours: str
    """
    Alerts are sent during these hours only. Leave empty for the organisation's. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00
    """
    time_zone: str
    """
    Leave empty for the organisation's time zone.
    """
    created_at: AwareDatetime


class OutletDisabledData(BaseModel):
    """
    An outlet was disabled.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    by: Literal["staff", "api_key", "shell", "portal"] | str
    organisation: EventOrganisation
    outlet: EventOutlet
    reason: str


class OutletDisabledEvent(BaseModel):
    """
    An outlet was disabled.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["outlet.disabled"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletDisabledData


class OutletDisabledWebhook(BaseModel):
    """
    An outlet was disabled.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["outlet.disabled"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletDisabledData


class OutletEnabledData(BaseModel):
    """
    An outlet was enabled, for the first time or again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    by: Literal["staff", "api_key", "shell", "portal"] | str
    is_first_time: bool
    """
    False if it was enabled before.
    """
    organisation: EventOrganisation
    outlet: EventOutlet
    pos_remote_id: str


class OutletEnabledEvent(BaseModel):
    """
    An outlet was enabled, for the first time or again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["outlet.enabled"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletEnabledData


class OutletEnabledWebhook(BaseModel):
    """
    An outlet was enabled, for the first time or again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["outlet.enabled"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletEnabledData


class OutletOfflineData(BaseModel):
    """
    A POS has been disconnected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    organisation: EventOrganisation
    outlet: EventOutlet
    reason: (
        Literal[
            "by_pos",
            "link_lost",
            "disabled",
            "credential_retired",
            "disconnected",
            "restart",
            "flooding",
            "too_large",
            "protocol_error",
            "invalid_text",
            "internal",
            "server_lost",
        ]
        | str
        | None
    )
    since: AwareDatetime


class OutletOfflineEvent(BaseModel):
    """
    A POS has been disconnected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["outlet.offline"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletOfflineData


class OutletOfflineWebhook(BaseModel):
    """
    A POS has been disconnected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["outlet.offline"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletOfflineData


class OutletOnlineData(BaseModel):
    """
    A POS has been connected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    organisation: EventOrganisation
    outlet: EventOutlet
    since: AwareDatetime


class OutletOnlineEvent(BaseModel):
    """
    A POS has been connected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["outlet.online"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletOnlineData


class OutletOnlineWebhook(BaseModel):
    """
    A POS has been connected for 30 s.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["outlet.online"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: OutletOnlineData


class OutletPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Outlet]


class Paths(BaseModel):
    """
    The paths of the calls without a parameter in the path, by name.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    organisations: str
    outlets: str
    requests: str
    webhook_endpoints: Annotated[str, Field(alias="webhook-endpoints")]
    deliveries: str
    events: str
    message_types: Annotated[str, Field(alias="message-types")]
    api_key: Annotated[str, Field(alias="api-key")]
    schema_: Annotated[str, Field(alias="schema")]
    docs: str


class PayloadField(BaseModel):
    """
    A field of the payload of a message type.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    type: str
    """
    Its type or its model; a list of them if it ends in `[]`.
    """
    required: bool
    nullable: bool
    max_length: int | None
    """
    In characters.
    """
    meaning: str


class Payment(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    AmountSale: Decimal
    """
    The amount for the sale, without tip, surcharge and service charge.
    """
    Name: str
    """
    The payment method.
    """
    ProviderPaymentID: str | None = None
    """
    Your ID for the payment.
    """
    AmountTip: Decimal | None = None
    """
    The tip.
    """
    AmountSurcharge: Decimal | None = None
    """
    A surcharge, for example for a card.
    """
    ExplicitServiceChargeAmount: Decimal | None = None
    """
    A service charge in addition to AmountSale; null: the POS takes it from AmountSale.
    """
    MerchantID: str | None = None
    """
    The merchant.
    """
    TerminalID: str | None = None
    """
    The payment terminal.
    """


class Product(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
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
    Price: Decimal
    """
    Price of one unit; may be 0 if the POS sets the prices.
    """
    TotalAmount: Decimal
    """
    Quantity times price; may be 0 if the POS sets the prices.
    """
    ProviderProductID: str | None = None
    """
    Your ID for this line.
    """
    PLUIdentifier: str | None = None
    """
    The product on the POS: the GUID or number of its PLU.
    """
    SalesModifierIdentifier: str | None = None
    """
    A modifier on the POS: its GUID or prefix.
    """
    SalesModifierName: str | None = None
    """
    Name or prefix of the modifier.
    """
    ChildProducts: list[ChildProduct] | None = None
    """
    Lines that belong to this one; one level only.
    """
    Adjustment_1: Annotated[Adjustment | None, Field(alias="Adjustment")] = None
    """
    A discount or surcharge on this line.
    """


class RequestFinishedData(BaseModel):
    """
    A request ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    duration_ms: int
    ended_at: AwareDatetime
    message_type: int
    organisation: EventOrganisation
    outlet: EventOutlet
    received_at: AwareDatetime
    request: str
    """
    The id of the request in the API.
    """
    request_id: str
    result_code: int | None
    state: Literal["answered", "refused", "expired", "cancelled", "failed"] | str
    traceparent: str | None = None
    """
    The valid `traceparent` of the call that sent the request.
    """


class RequestFinishedEvent(BaseModel):
    """
    A request ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["request.finished"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: RequestFinishedData


class RequestFinishedWebhook(BaseModel):
    """
    A request ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["request.finished"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: RequestFinishedData


class Secret(BaseModel):
    """
    The data about a secret. The secret itself is never shown again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    begins_with: str
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None
    """
    When a POS last authenticated with it.
    """
    expires_at: AwareDatetime | None
    """
    When it ends; null if it does not expire.
    """


class SecretRotatedData(BaseModel):
    """
    The secret of an outlet was replaced. The event does not contain the new secret.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    by: Literal["staff", "api_key", "shell", "portal"] | str
    organisation: EventOrganisation
    outlet: EventOutlet
    overlap_ends_at: AwareDatetime | None
    """
    The old secret is valid until then.
    """


class SecretRotatedEvent(BaseModel):
    """
    The secret of an outlet was replaced. The event does not contain the new secret.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["secret.rotated"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: SecretRotatedData


class SecretRotatedWebhook(BaseModel):
    """
    The secret of an outlet was replaced. The event does not contain the new secret.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["secret.rotated"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: SecretRotatedData


class SimulateOrderAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["SimulateOrder"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPaySimulateOrderResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class Tax(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    Name: str
    """
    The name of the tax.
    """
    Amount: Decimal
    """
    The amount of the tax.
    """
    TaxRate: Decimal
    """
    In percent: 10 means 10 %.
    """
    IsAddOnTax: bool
    """
    True: added to the price. False: included in the price.
    """


class TestData(BaseModel):
    """
    A test event, which staff or an API key sent.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    endpoint: str
    """
    The name of the webhook endpoint.
    """
    organisation: EventOrganisation | None
    sent_by: str


class TestEvent(BaseModel):
    """
    A test event, which staff or an API key sent.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["webhook.test"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: TestData


class TestWebhook(BaseModel):
    """
    A test event, which staff or an API key sent.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["webhook.test"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: TestData


class UnrecognisedFrameData(BaseModel):
    """
    A POS sent an unrecognised frame.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    organisation: EventOrganisation
    outlet: EventOutlet
    size_bytes: int
    what: Literal["binary", "not_json", "not_an_object", "unknown"] | str


class UnrecognisedFrameEvent(BaseModel):
    """
    A POS sent an unrecognised frame.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["pos.stray_message"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: UnrecognisedFrameData


class UnrecognisedFrameWebhook(BaseModel):
    """
    A POS sent an unrecognised frame.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["pos.stray_message"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: UnrecognisedFrameData


class UpdateOrderAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["UpdateOrder"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPayUpdateOrderResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class WholeOutlet(BaseModel):
    """
    An outlet, the status of its POS, and the data about its secrets.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    provider_outlet_id: str
    """
    The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.
    """
    name: str
    organisation_id: int
    organisation: str
    """
    The name of the organisation.
    """
    pos_remote_id: str | None
    integration: Literal["not_enabled", "enabled", "disabled"] | str
    disabled_reason: str
    """
    Why it is disabled; otherwise empty.
    """
    online: bool
    since: AwareDatetime | None
    """
    When the POS went online or offline.
    """
    last_seen: AwareDatetime | None
    """
    When the POS was last connected.
    """
    alert_after_minutes: int | None
    """
    Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.
    """
    opening_hours: str
    """
    Alerts are sent during these hours only. Leave empty for the organisation's. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00
    """
    time_zone: str
    """
    Leave empty for the organisation's time zone.
    """
    created_at: AwareDatetime
    secret: Secret | None
    """
    The current secret; null if the outlet was never enabled.
    """
    older_secret: Secret | None
    """
    The replaced secret during an overlap; otherwise null.
    """


class WholeRequest(BaseModel):
    """
    A request with its payload and answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    outlet: str
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None
    """
    A POS user's ID; `[redacted]` if it may have been a PIN.
    """
    durable: bool
    state: Literal["queued", "sent", "answered", "refused", "expired", "cancelled", "failed"] | str
    failure: str
    """
    Why the request failed.
    """
    received_at: AwareDatetime
    send_before: AwareDatetime
    answer_before: AwareDatetime
    stored_at: AwareDatetime | None
    """
    When it was saved, before it was sent; null if it was recorded only afterwards.
    """
    sent_at: AwareDatetime | None
    """
    When it was first sent.
    """
    last_sent_at: AwareDatetime | None
    """
    When it was last sent.
    """
    times_sent: int
    ended_at: AwareDatetime | None
    result_code: int | None
    error_message: str | None
    """
    In a list, without PINs and other secrets; for a single request, as the POS sent it.
    """
    content_pruned_at: AwareDatetime | None
    """
    When payload and answer were deleted after their retention period.
    """
    payload: Any
    """
    The payload exactly as sent, but without PINs and other secrets; null after its deletion.
    """
    answer: Any
    """
    The POS's payload exactly as sent; null if the POS sent none, or after its deletion.
    """


class AlertBeganData(BaseModel):
    """
    An alert has begun.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    alert: int
    """
    The number of the alert.
    """
    count: int
    ended_at: AwareDatetime | None
    organisation: EventOrganisation | None
    since: AwareDatetime
    subjects: list[AlertSubject]
    """
    The first 50.
    """
    what: Literal["offline", "refusals", "expiry"] | str


class AlertBeganEvent(BaseModel):
    """
    An alert has begun.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["alert.began"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AlertBeganData


class AlertBeganWebhook(BaseModel):
    """
    An alert has begun.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["alert.began"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AlertBeganData


class AlertEndedData(BaseModel):
    """
    An alert has ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    alert: int
    """
    The number of the alert.
    """
    count: int
    ended_at: AwareDatetime | None
    organisation: EventOrganisation | None
    since: AwareDatetime
    subjects: list[AlertSubject]
    """
    The first 50.
    """
    what: Literal["offline", "refusals", "expiry"] | str


class AlertEndedEvent(BaseModel):
    """
    An alert has ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["alert.ended"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AlertEndedData


class AlertEndedWebhook(BaseModel):
    """
    An alert has ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["alert.ended"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AlertEndedData


class ApiKey(BaseModel):
    """
    The API key that sent the call: its owner, its scopes and its limits.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    """
    The system that uses the key.
    """
    organisation: OrganisationReference | None
    """
    The only organisation that the key sees; null for all organisations.
    """
    scopes: list[
        Literal[
            "requests:read",
            "requests:send",
            "outlets:read",
            "outlets:write",
            "webhooks:write",
            "events:read",
            "handover:write",
        ]
        | str
    ]
    """
    What the key can do.
    """
    networks: list[str]
    """
    The only networks (CIDR) from which the key can be used; empty for any address.
    """
    calls_per_second: int
    """
    The most calls a second, on average.
    """
    calls_burst: int
    """
    The most calls at once after a pause.
    """
    expires_at: AwareDatetime | None
    """
    When the secret that was sent expires; null if it does not expire.
    """


class Attempt(BaseModel):
    """
    One attempt to get a token or to open the websocket as an outlet's POS.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    at: AwareDatetime
    endpoint: Literal["auth", "websocket"] | str
    outcome: (
        Literal[
            "accepted",
            "malformed",
            "wrong_path",
            "mistyped_secret",
            "unknown_outlet",
            "wrong_secret",
            "retired_secret",
            "unknown_key",
            "wrong_pos_remote_id",
            "disabled",
            "throttled",
            "busy",
            "database_away",
            "draining",
            "token_missing",
            "token_forged",
            "token_expired",
            "token_void",
            "second_till",
            "foreign_origin",
        ]
        | str
    )
    reason: str
    """
    The outcome as text for a person.
    """
    detail: str
    """
    More about the reason, or empty.
    """
    provider_outlet_id: str
    """
    As the POS sent it.
    """
    pos_remote_id: str
    """
    As the POS sent it.
    """
    address: str
    user_agent: str


class AttemptPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Attempt]


class AuthenticationRefusedData(BaseModel):
    """
    The portal refused an authentication or a websocket handshake. `outlet` is null if the outlet is unknown.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    address: str
    door: Literal["auth", "websocket"] | str
    organisation: EventOrganisation | None
    outlet: EventOutlet | None
    provider_outlet_id: str
    """
    As it was sent.
    """
    reason: (
        Literal[
            "malformed",
            "wrong_path",
            "mistyped_secret",
            "unknown_outlet",
            "wrong_secret",
            "retired_secret",
            "unknown_key",
            "wrong_pos_remote_id",
            "disabled",
            "throttled",
            "token_missing",
            "token_forged",
            "token_expired",
            "token_void",
            "second_till",
            "foreign_origin",
        ]
        | str
    )


class AuthenticationRefusedEvent(BaseModel):
    """
    The portal refused an authentication or a websocket handshake. `outlet` is null if the outlet is unknown.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    """
    Its position in the log: pass the last one that you have read as `after`.
    """
    webhook_id: str
    """
    The `webhook-id` of the webhooks that deliver it.
    """
    type: Literal["authentication.refused"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AuthenticationRefusedData


class AuthenticationRefusedWebhook(BaseModel):
    """
    The portal refused an authentication or a websocket handshake. `outlet` is null if the outlet is unknown.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    type: Literal["authentication.refused"]
    timestamp: AwareDatetime
    """
    When it happened.
    """
    data: AuthenticationRefusedData


class Connection(BaseModel):
    """
    One connection of a POS, open or ended, and why it ended.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    open: bool
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    """
    Null while it is open, and if its server died.
    """
    close_code: int | None
    """
    The close code of the websocket.
    """
    close_reason: (
        Literal[
            "by_pos",
            "link_lost",
            "replaced",
            "disabled",
            "credential_retired",
            "disconnected",
            "restart",
            "flooding",
            "too_large",
            "protocol_error",
            "invalid_text",
            "internal",
            "server_lost",
        ]
        | str
        | None
    )
    """
    Null if it is open, or the reason is not known.
    """
    reason: str
    """
    Why it ended, as text for a person; `open` if it is open.
    """
    address: str
    user_agent: str
    frames_in: int
    frames_out: int
    unrecognised_frames: int


class ConnectionPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Connection]


class CreatePaymentAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["CreatePayment"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPayCreatePaymentResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class CreatedOutlet(BaseModel):
    """
    A new outlet, with the values for PowerEPOS if it was enabled.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    provider_outlet_id: str
    """
    The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.
    """
    name: str
    organisation_id: int
    organisation: str
    """
    The name of the organisation.
    """
    pos_remote_id: str | None
    integration: Literal["not_enabled", "enabled", "disabled"] | str
    disabled_reason: str
    """
    Why it is disabled; otherwise empty.
    """
    online: bool
    since: AwareDatetime | None
    """
    When the POS went online or offline.
    """
    last_seen: AwareDatetime | None
    """
    When the POS was last connected.
    """
    alert_after_minutes: int | None
    """
    Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.
    """
    opening_hours: str
    """
    Alerts are sent during these hours only. Leave empty for the organisation's. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00
    """
    time_zone: str
    """
    Leave empty for the organisation's time zone.
    """
    created_at: AwareDatetime
    secret: Secret | None
    """
    The current secret; null if the outlet was never enabled.
    """
    older_secret: Secret | None
    """
    The replaced secret during an overlap; otherwise null.
    """
    handover: HandOver | None
    """
    Null if the outlet was not enabled.
    """


class DeliveredEvent(BaseModel):
    """
    The event of a delivery, without its data.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    webhook_id: str
    """
    The ID that receivers see: the same at each attempt and at each endpoint.
    """
    type: (
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
            "webhook.test",
        ]
        | str
    )
    timestamp: AwareDatetime


class Delivery(BaseModel):
    """
    The delivery of one event to one webhook endpoint, with the answer to the last attempt.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    endpoint: EndpointReference
    event: DeliveredEvent
    state: Literal["pending", "delivered", "failed"] | str
    attempts: int
    attempted_at: AwareDatetime | None
    """
    When it was last sent; null if it was not sent yet.
    """
    next_attempt_at: AwareDatetime | None
    """
    When it is due; null if it has ended.
    """
    ended_at: AwareDatetime | None
    status: int | None
    """
    The HTTP status of the receiver's answer.
    """
    duration_ms: int | None
    error: str
    """
    Why the last attempt failed; otherwise empty.
    """
    answer_excerpt: str
    """
    The beginning of the receiver's answer.
    """


class DeliveryPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Delivery]


class Endpoint(BaseModel):
    """
    A webhook endpoint: an address that receives events. Its secret is not shown again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str
    url: str
    organisation: OrganisationReference | None
    """
    The only organisation whose events it gets; null for all organisations.
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
        | str
    ]
    """
    The types of the events that it gets.
    """
    enabled: bool
    disabled_reason: str
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    """
    Since when every delivery fails; null if the last one succeeded.
    """
    paused_until: AwareDatetime | None
    """
    When the pause that the receiver asked for ends.
    """
    overlap_until: AwareDatetime | None
    """
    How long events are also signed with the old secret.
    """
    created_at: AwareDatetime


class EndpointPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Endpoint]


class EndpointWithSecret(BaseModel):
    """
    A webhook endpoint with its new secret.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    name: str
    url: str
    organisation: OrganisationReference | None
    """
    The only organisation whose events it gets; null for all organisations.
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
        | str
    ]
    """
    The types of the events that it gets.
    """
    enabled: bool
    disabled_reason: str
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    """
    Since when every delivery fails; null if the last one succeeded.
    """
    paused_until: AwareDatetime | None
    """
    When the pause that the receiver asked for ends.
    """
    overlap_until: AwareDatetime | None
    """
    How long events are also signed with the old secret.
    """
    created_at: AwareDatetime
    secret: str
    """
    Store it now: the portal cannot show it again. It begins with whsec_.
    """


class EventPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[
        Annotated[
            OutletOnlineEvent
            | OutletOfflineEvent
            | RequestFinishedEvent
            | AuthenticationRefusedEvent
            | UnrecognisedFrameEvent
            | OutletEnabledEvent
            | OutletDisabledEvent
            | SecretRotatedEvent
            | AlertBeganEvent
            | AlertEndedEvent
            | TestEvent,
            Field(discriminator="type"),
        ]
    ]


class GetOpenOrdersAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["GetOpenOrders"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPayGetOpenOrdersResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class GetUserFromPINAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["GetUserFromPIN"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPayGetUserFromPINResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class HandedOverOutlet(BaseModel):
    """
    An outlet with a new secret, and the values for PowerEPOS.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    provider_outlet_id: str
    """
    The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.
    """
    name: str
    organisation_id: int
    organisation: str
    """
    The name of the organisation.
    """
    pos_remote_id: str | None
    integration: Literal["not_enabled", "enabled", "disabled"] | str
    disabled_reason: str
    """
    Why it is disabled; otherwise empty.
    """
    online: bool
    since: AwareDatetime | None
    """
    When the POS went online or offline.
    """
    last_seen: AwareDatetime | None
    """
    When the POS was last connected.
    """
    alert_after_minutes: int | None
    """
    Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.
    """
    opening_hours: str
    """
    Alerts are sent during these hours only. Leave empty for the organisation's. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00
    """
    time_zone: str
    """
    Leave empty for the organisation's time zone.
    """
    created_at: AwareDatetime
    secret: Secret | None
    """
    The current secret; null if the outlet was never enabled.
    """
    older_secret: Secret | None
    """
    The replaced secret during an overlap; otherwise null.
    """
    handover: HandOver


class HandoverLink(BaseModel):
    """
    A one-time link that hands an outlet's values over to its recipient.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: int
    state: Literal["live", "opened", "revoked", "expired", "failed"] | str
    """
    failed: blocked after too many wrong passphrases.
    """
    begins_with: str
    """
    The first characters of its secret.
    """
    tries: int
    """
    How many passphrases were tried.
    """
    created_by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None
    ended_reason: str
    """
    Why it ended unopened; otherwise empty.
    """
    address: str
    """
    From which address it was opened or blocked; otherwise empty.
    """
    user_agent: str
    """
    The user agent that opened or blocked it; otherwise empty.
    """


class HandoverLinkPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[HandoverLink]


class MessageType(BaseModel):
    """
    A message type that this portal knows by name.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    number: int | None
    """
    Null until staff enter it in the portal.
    """
    name: str
    description: str
    payload_model: str
    """
    The documented model of its payload; empty if there is none.
    """
    payload: list[PayloadField]
    """
    The fields of the model.
    """


class MessageTypes(BaseModel):
    """
    All message types that the portal knows by name.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    results: list[MessageType]


class OrderDetailed(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    SalesTransactionID: str
    """
    The order's ID on the POS.
    """
    ServiceModePrefix: str
    """
    The short name of the service mode, such as TBL.
    """
    ServiceModeEntityID: str
    """
    The number of the table, tab or similar.
    """
    OrderNumberOpened: str
    """
    The order number, such as S1000001.
    """
    CurrencyCode: str
    """
    The currency, such as GBP.
    """
    Amount: Decimal
    """
    The total, without payments and without the service charge that remains.
    """
    AmountOwing: Decimal
    """
    Amount, less the payments, plus RemainingServiceChargeAmount.
    """
    IsClosed: bool
    """
    Whether the order is finished.
    """
    RemainingServiceChargeAmount: Decimal
    """
    The service charge that is not paid yet.
    """
    Covers: int
    """
    The number of guests.
    """
    Products: list[Product]
    """
    The lines.
    """
    Taxes: list[Tax]
    """
    The taxes.
    """
    OwnedBy_UserID: str | None = None
    """
    The person who created the order.
    """
    OwnedBy_UserName: str | None = None
    """
    The name of the person who created the order.
    """
    Payments: list[Payment] | None = None
    """
    The payments.
    """
    Adjustments: list[Adjustment] | None = None
    """
    The discounts and surcharges.
    """
    Notes: list[Note] | None = None
    """
    The notes; their fields are not known.
    """


class OrderNPayCreateOrderResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    Order: OrderDetailed | None = None
    """
    The order; null unless it was created.
    """
    OutOfStockProducts: list[OutOfStockProduct] | None = None
    """
    Null unless the POS refused for lack of stock.
    """


class OtherAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: int
    """
    The number of any message type. A call may also have the name of one that staff added.
    """
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: Any
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class Receipt(BaseModel):
    """
    Where to find a request's outcome later.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    outcome: Literal["accepted"] | str
    """
    The request is stored; its POS has not answered.
    """
    location: str


class Request(BaseModel):
    """
    A request and its outcome, without payload and answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    outlet: str
    request_id: str
    message_type: int
    device_id: str
    user_identifier: str | None
    """
    A POS user's ID; `[redacted]` if it may have been a PIN.
    """
    durable: bool
    state: Literal["queued", "sent", "answered", "refused", "expired", "cancelled", "failed"] | str
    failure: str
    """
    Why the request failed.
    """
    received_at: AwareDatetime
    send_before: AwareDatetime
    answer_before: AwareDatetime
    stored_at: AwareDatetime | None
    """
    When it was saved, before it was sent; null if it was recorded only afterwards.
    """
    sent_at: AwareDatetime | None
    """
    When it was first sent.
    """
    last_sent_at: AwareDatetime | None
    """
    When it was last sent.
    """
    times_sent: int
    ended_at: AwareDatetime | None
    result_code: int | None
    error_message: str | None
    """
    In a list, without PINs and other secrets; for a single request, as the POS sent it.
    """
    content_pruned_at: AwareDatetime | None
    """
    When payload and answer were deleted after their retention period.
    """


class RequestPage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    next: str | None
    """
    The URL of the next page; null on the last one.
    """
    results: list[Request]


class Step(BaseModel):
    """
    One step towards an outlet that works.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: Literal["enabled", "attempted", "secret", "paired", "token", "connected", "answered"] | str
    """
    The identifier of the step; it never changes.
    """
    title: str
    state: Literal["done", "wrong", "later"] | str
    """
    wrong: the first step that is not done; later: after it.
    """
    evidence: str
    """
    What the portal has seen; empty for a later step.
    """
    tell: str
    """
    What to tell the person on site; empty if there is nothing to do there.
    """
    here: str
    """
    What to do in the portal or by the API; otherwise empty.
    """
    remedies: list[
        Literal["rotate", "replace_secret", "end_overlap", "reenable", "end_wait", "change_pos_remote_id"] | str
    ]
    """
    The actions that help.
    """
    attempt_id: int | None
    """
    The refused attempt that the step is about.
    """


class CreateOrderAnswer(BaseModel):
    """
    The POS's answer.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    request_id: str
    message_type: Literal["CreateOrder"]
    outcome: Literal["answered", "refused"] | str
    """
    answered: ResultCode 0; refused: any other.
    """
    result_code: int
    """
    0: Success. 4: No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only.
    """
    error_message: str | None
    payload: OrderNPayCreateOrderResponse | None
    """
    Exactly as the POS sent it, without a check; null if it sent none, or after deletion.
    """
    content_pruned_at: AwareDatetime | None = None
    """
    When the answer was deleted after its retention period; otherwise absent.
    """


class OutletCheck(BaseModel):
    """
    The steps in order: those that are done, the first one that is not, and the later ones.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    works: bool
    """
    Whether all steps are done.
    """
    sentence: str
    """
    How many steps are done, and why the next one is not, in one sentence.
    """
    steps: list[Step]


class Answer(
    RootModel[
        OtherAnswer
        | GetUserFromPINAnswer
        | GetOpenOrdersAnswer
        | CreateOrderAnswer
        | UpdateOrderAnswer
        | SimulateOrderAnswer
        | CreatePaymentAnswer
    ]
):
    root: (
        OtherAnswer
        | GetUserFromPINAnswer
        | GetOpenOrdersAnswer
        | CreateOrderAnswer
        | UpdateOrderAnswer
        | SimulateOrderAnswer
        | CreatePaymentAnswer
    )
    """
    The POS's answer.
    """
