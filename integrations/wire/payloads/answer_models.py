"""The fields of each answer model, in the documented order. The portal does not check answers.

The models of two answers are not known (`UNKNOWN`). These answers are probably like the answer to CreateOrder.
"""

from integrations.wire.payloads.field import DECIMAL, FLAG, GUID, STRING, WHOLE, Field, list_of, nullable, required
from integrations.wire.payloads.request_models import MODELS

# The documented ResultCodes. Every number except 0 is a refusal, even if it is not documented.
RESULT_CODES = {
    0: "Success",
    4: "No person matches the PIN or the user identifier. The number is documented for GetUserFromPIN only",
}

_ORDER_ID = required("SalesTransactionID", GUID, "The order's ID on the POS.")
_OPENED = (
    required("ServiceModePrefix", STRING, "The short name of the service mode, such as TBL.", 8),
    required("ServiceModeEntityID", STRING, "The number of the table, tab or similar.", 8),
    required("OrderNumberOpened", STRING, "The order number, such as S1000001.", 8),
    required("CurrencyCode", STRING, "The currency, such as GBP.", 3),
)
_CREATOR = nullable("OwnedBy_UserID", GUID, "The person who created the order.")

ANSWERS: dict[str, tuple[Field, ...]] = {
    "OrderNPayGetUserFromPINResponse": (
        required("UserID", GUID, "The person's ID on the POS: the user identifier of further requests (inferred)."),
        required("UserName", STRING, "The person's name."),
        required("CanMakePayments", FLAG, "False: the POS refuses this person's other requests."),
    ),
    "OrderNPayGetOpenOrdersResponse": (
        list_of("Orders", "OpenOrderSummary", "The open orders; a table may have several.", required=True),
        required("UserOrdersOnly", FLAG, "As in the request."),
    ),
    "OrderNPayCreateOrderResponse": (
        nullable("Order", "OrderDetailed", "The order; null unless it was created."),
        list_of("OutOfStockProducts", "OutOfStockProduct", "Null unless the POS refused for lack of stock."),
    ),
    "OrderNPayUpdateOrderResponse": (),
    "OrderNPaySimulateOrderResponse": (),
    "OrderNPayCreatePaymentResponse": (
        nullable("SalesTransactionPaymentID", GUID, "The payment; null unless it was created."),
        nullable("OrderSummary", "OpenOrderSummary", "The order after the payment; null unless it was created."),
    ),
    "OpenOrderSummary": (
        _ORDER_ID,
        *_OPENED,
        required("Amount", DECIMAL, "The total, without payments."),
        required("AmountOwing", DECIMAL, "The amount still to pay."),
        required("InUse", FLAG, "Whether the order is open on another terminal."),
        _CREATOR,
        nullable("InUseByTerminalDisplayID", STRING, "The terminal that has it open.", 4),
        nullable("InUseByUserName", STRING, "The person who has it open.", 20),
    ),
    "OrderDetailed": (
        _ORDER_ID,
        *_OPENED,
        required("Amount", DECIMAL, "The total, without payments and without the service charge that remains."),
        required("AmountOwing", DECIMAL, "Amount, less the payments, plus RemainingServiceChargeAmount."),
        required("IsClosed", FLAG, "Whether the order is finished."),
        required("RemainingServiceChargeAmount", DECIMAL, "The service charge that is not paid yet."),
        required("Covers", WHOLE, "The number of guests."),
        list_of("Products", "Product", "The lines.", required=True),
        list_of("Taxes", "Tax", "The taxes.", required=True),
        _CREATOR,
        nullable("OwnedBy_UserName", STRING, "The name of the person who created the order.", 20),
        list_of("Payments", "Payment", "The payments."),
        list_of("Adjustments", "Adjustment", "The discounts and surcharges."),
        list_of("Notes", "Note", "The notes; their fields are not known."),
    ),
    "Tax": (
        required("Name", STRING, "The name of the tax.", 32),
        required("Amount", DECIMAL, "The amount of the tax."),
        required("TaxRate", DECIMAL, "In percent: 10 means 10 %."),
        required("IsAddOnTax", FLAG, "True: added to the price. False: included in the price."),
    ),
    "OutOfStockProduct": (
        required("PLUIdentifier", STRING, "As in the request.", 36),
        required("Name", STRING, "The name of the product.", 50),
        nullable("SalesModifierIdentifier", STRING, "As in the request.", 36),
    ),
}

ALL_MODELS = MODELS | ANSWERS
UNKNOWN = frozenset(model for model, fields in ALL_MODELS.items() if not fields)  # not documented: any object matches


def result_codes_in_words() -> str:
    """Return the documented ResultCodes with their meanings as text."""
    return " ".join(f"{code}: {meaning}." for code, meaning in RESULT_CODES.items())


def type_name(request_model: str) -> str:
    """Return the name of a documented message type. `request_model` is the model of its requests."""
    return request_model.removeprefix("OrderNPay").removesuffix("Request")


def answer_model(request_model: str) -> str:
    """Return the name of the answer model that belongs to a request model."""
    return request_model.removesuffix("Request") + "Response"
