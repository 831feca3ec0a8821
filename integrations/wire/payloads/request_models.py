"""The fields of each model that requests contain, in the order in which PowerEPOS documents them."""

from integrations.wire.payloads.field import DECIMAL, FLAG, GUID, STRING, WHOLE, Field, list_of, nullable, required

_LINE = (
    required("ProductType", WHOLE, "0 is an ordinary product, with a PLU; other numbers are not documented."),
    required("Name", STRING, "The product's name in your system.", 50),
    required("Quantity", WHOLE, "Whole units."),
    required("Price", DECIMAL, "Price of one unit; may be 0 if the POS sets the prices."),
    required("TotalAmount", DECIMAL, "Quantity times price; may be 0 if the POS sets the prices."),
    nullable("ProviderProductID", STRING, "Your ID for this line.", 64),
    nullable("PLUIdentifier", STRING, "The product on the POS: the GUID or number of its PLU.", 36),
    nullable("SalesModifierIdentifier", STRING, "A modifier on the POS: its GUID or prefix.", 36),
)
_SERVICE_CHARGE = nullable(
    "ServiceChargeAmount", DECIMAL, "An explicit service charge, 0 or more; null: the POS decides."
)
_PROVIDER_PRICES = Field("UseProviderPrices", FLAG, "Whether your prices are used; otherwise the POS sets them.")
_ADDED_PRODUCTS = list_of("Products", "Product", "Lines to add.")
_PAYMENTS = list_of("Payments", "Payment", "Payments already made; with them, your prices are always used.")
_ADJUSTMENTS = list_of("Adjustments", "Adjustment", "Discounts and surcharges on the order.")
_NOTES = list_of("Notes", "Note", "Notes on the order, for example a pager number.")
_SERVICE_MODE = (
    required("ServiceModeID", GUID, "The service mode in which the order is opened."),
    required("ServiceModeEntityID", STRING, "The number of the table, tab or similar.", 8),
)

MODELS: dict[str, tuple[Field, ...]] = {
    "OrderNPayGetUserFromPINRequest": (required("PIN", STRING, "The PIN that a person entered."),),
    "OrderNPayGetOpenOrdersRequest": (
        nullable("ServiceModeEntityID", STRING, "Only orders of this table; empty: all orders (inferred).", 8),
        Field("UserOrdersOnly", FLAG, "Only orders of the requesting user (inferred from the name)."),
    ),
    "OrderNPayCreateOrderRequest": (
        required("ProviderOrderID", STRING, "Your ID for the order.", 64),
        *_SERVICE_MODE,
        Field("IsTraining", FLAG, "Whether it is a training order."),
        list_of("Products", "Product", "The order's lines."),
        _PAYMENTS,
        _ADJUSTMENTS,
        _NOTES,
        _SERVICE_CHARGE,
        _PROVIDER_PRICES,
        nullable("Covers", WHOLE, "The number of guests."),
    ),
    "OrderNPayUpdateOrderRequest": (
        required("SalesTransactionID", GUID, "The order to update."),
        nullable("ProviderOrderID", STRING, "Your ID for the order.", 64),
        _PROVIDER_PRICES,
        _ADDED_PRODUCTS,
        list_of("Adjustments", "Adjustment", "Adjustments to add."),
        list_of("Notes", "Note", "Notes on the order, or on particular lines."),
        _SERVICE_CHARGE,
        nullable("Covers", WHOLE, "The new number of guests."),
    ),
    "OrderNPaySimulateOrderRequest": (
        *_SERVICE_MODE,
        list_of("Products", "Product", "The order's lines.", required=True),
        nullable("ProviderOrderID", STRING, "Your ID for the order.", 64),
        Field("ApplyAutomaticAdjustments", FLAG, "Whether the POS applies its own adjustments and returns them."),
        _PROVIDER_PRICES,
        _PAYMENTS,
        _ADJUSTMENTS,
        _NOTES,
        _SERVICE_CHARGE,
    ),
    "OrderNPayCreatePaymentRequest": (
        required("SalesTransactionID", GUID, "The order to pay (inferred: this model's page is not known)."),
        nullable("Payment", "Payment", "The payment (inferred)."),
    ),
    "Product": (
        *_LINE,
        nullable("SalesModifierName", STRING, "Name or prefix of the modifier.", 8),
        list_of("ChildProducts", "ChildProduct", "Lines that belong to this one; one level only."),
        nullable("Adjustment", "Adjustment", "A discount or surcharge on this line."),
    ),
    "ChildProduct": (*_LINE, nullable("SalesModifierName", STRING, "Name or prefix of the modifier.", 32)),
    "Payment": (
        required("AmountSale", DECIMAL, "The amount for the sale, without tip, surcharge and service charge."),
        required("Name", STRING, "The payment method.", 32),
        nullable("ProviderPaymentID", STRING, "Your ID for the payment.", 64),
        nullable("AmountTip", DECIMAL, "The tip."),
        nullable("AmountSurcharge", DECIMAL, "A surcharge, for example for a card."),
        nullable(
            "ExplicitServiceChargeAmount",
            DECIMAL,
            "A service charge in addition to AmountSale; null: the POS takes it from AmountSale.",
        ),
        nullable("MerchantID", STRING, "The merchant.", 40),
        nullable("TerminalID", STRING, "The payment terminal.", 40),
    ),
    "Adjustment": (
        required("Amount", DECIMAL, "The amount; the sign of a discount is not documented."),
        required("Name", STRING, "The reason for the adjustment.", 50),
        nullable("ProviderAdjustmentID", STRING, "Your ID for the adjustment.", 64),
        nullable("AdjustmentID", GUID, "The POS's adjustment; null: the POS's fallback."),
    ),
    "Note": (),  # its documentation is not known, so any object is accepted
}
