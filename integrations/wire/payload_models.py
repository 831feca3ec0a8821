"""The documented models of payloads, as data: for optional validation, and for the API's description.

Names are PascalCase, as they are sent. A POS matches them in any letter case, and so does the validation. Unknown keys
are accepted, because only a part of the documentation could be read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

STRING, GUID, WHOLE, DECIMAL, FLAG, OBJECT = "string", "GUID", "int", "decimal(13,2)", "bool", "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model. `kind` is one of the above, or a model's name.

    A field that is neither required nor nullable may be omitted.
    """

    name: str
    kind: str
    meaning: str = ""
    required: bool = False
    nullable: bool = False
    limit: int | None = None  # characters
    is_list: bool = False


class Spelled(str):
    """A number in its original spelling."""

    __slots__ = ()


class Invalid(ValueError):
    """A payload does not match its model; `errors` maps the path of each wrong field to a message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def check(payload: str, model: str) -> None:
    """Raise Invalid unless a payload's JSON matches the model with this name."""
    content = json.loads(payload, parse_float=Spelled, parse_int=Spelled)
    errors = dict(_errors_of_model("", content, model))
    if errors:
        raise Invalid(errors)


def _errors_of_model(path: str, content: Any, model: str) -> Iterator[tuple[str, str]]:
    if not isinstance(content, dict):
        yield path, "must be an object"
        return
    given = {key.lower(): value for key, value in content.items()}
    for field in MODELS[model]:
        yield from _errors_of_field(f"{path}.{field.name}" if path else field.name, given, field)


def _errors_of_field(path: str, given: Mapping[str, Any], field: Field) -> Iterator[tuple[str, str]]:
    if field.name.lower() not in given:
        if field.required:
            yield path, "is missing"
        return
    value = given[field.name.lower()]
    if value is None:
        if not field.nullable:
            yield path, "must not be null"
        return
    if not field.is_list:
        yield from _errors_of_value(path, value, field)
        return
    if not isinstance(value, list):
        yield path, "must be a list"
        return
    for position, item in enumerate(value):
        yield from _errors_of_value(f"{path}[{position}]", item, field)


def _errors_of_value(path: str, value: Any, field: Field) -> Iterator[tuple[str, str]]:
    if field.kind in MODELS:
        yield from _errors_of_model(path, value, field.kind)
        return
    fits, what = _KINDS[field.kind]
    if not fits(value):
        yield path, f"must be {what}"
    elif field.limit is not None and len(value) > field.limit:
        yield path, f"is longer than {field.limit} characters"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Spelled)


def _is_guid(value: Any) -> bool:
    return _is_text(value) and bool(_GUID.fullmatch(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Spelled) and bool(_WHOLE.fullmatch(value)) and -(2**31) <= int(value) < 2**31


def _is_decimal(value: Any) -> bool:
    """Return whether a number, in any spelling, has at most two decimals and eleven digits before them."""
    if not isinstance(value, Spelled) or len(value) > 40:
        return False
    try:
        _, digits, exponent = Decimal(value).as_tuple()
    except ArithmeticError:  # its exponent has more digits than Decimal supports
        return False
    if not isinstance(exponent, int):
        return False
    spelled = "".join(map(str, digits)).lstrip("0")
    significant = spelled.rstrip("0")
    lowest = exponent + len(spelled) - len(significant)  # power of ten of the last significant digit
    return not significant or (lowest >= -2 and lowest + len(significant) <= 11)


_GUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WHOLE = re.compile("-?[0-9]{1,10}")

_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    STRING: (_is_text, "a string"),
    GUID: (_is_guid, "a GUID of 36 characters"),
    WHOLE: (_is_whole, "a whole number of 32 bits"),
    DECIMAL: (_is_decimal, "a number of at most 13 digits, two of them decimals"),
    FLAG: (lambda value: isinstance(value, bool), "true or false"),
    OBJECT: (lambda value: isinstance(value, dict), "an object"),
}


def _list(name: str, kind: str, meaning: str, *, required: bool = False) -> Field:
    return Field(name, kind, meaning, required=required, nullable=not required, is_list=True)


def _required(name: str, kind: str, meaning: str, limit: int | None = None) -> Field:
    return Field(name, kind, meaning, required=True, limit=limit)


def _nullable(name: str, kind: str, meaning: str, limit: int | None = None) -> Field:
    return Field(name, kind, meaning, nullable=True, limit=limit)


_LINE = (
    _required("ProductType", WHOLE, "0 is an ordinary product, with a PLU; other numbers are not documented."),
    _required("Name", STRING, "The product's name in your system.", 50),
    _required("Quantity", WHOLE, "Whole units."),
    _required("Price", DECIMAL, "Price of one unit; may be 0 if the POS sets the prices."),
    _required("TotalAmount", DECIMAL, "Quantity times price; may be 0 if the POS sets the prices."),
    _nullable("ProviderProductID", STRING, "Your ID for this line.", 64),
    _nullable("PLUIdentifier", STRING, "The product on the POS: the GUID or number of its PLU.", 36),
    _nullable("SalesModifierIdentifier", STRING, "A modifier on the POS: its GUID or prefix.", 36),
)
_SERVICE_CHARGE = _nullable(
    "ServiceChargeAmount", DECIMAL, "An explicit service charge, 0 or more; null: the POS decides."
)
_PROVIDER_PRICES = Field("UseProviderPrices", FLAG, "Whether your prices are used; otherwise the POS sets them.")
_ADDED_PRODUCTS = _list("Products", "Product", "Lines to add.")
_PAYMENTS = _list("Payments", "Payment", "Payments already made; with them, your prices are always used.")
_ADJUSTMENTS = _list("Adjustments", "Adjustment", "Discounts and surcharges on the order.")
_NOTES = _list("Notes", "Note", "Notes on the order, for example a pager number.")
_SERVICE_MODE = (
    _required("ServiceModeID", GUID, "The service mode in which the order is opened."),
    _required("ServiceModeEntityID", STRING, "The number of the table, tab or similar.", 8),
)

# The fields of each model, in the order of its documentation.
MODELS: dict[str, tuple[Field, ...]] = {
    "OrderNPayGetUserFromPINRequest": (_required("PIN", STRING, "The PIN that a person entered."),),
    "OrderNPayGetOpenOrdersRequest": (
        _nullable("ServiceModeEntityID", STRING, "Only orders of this table; empty: all orders (inferred).", 8),
        Field("UserOrdersOnly", FLAG, "Only orders of the requesting user (inferred from the name)."),
    ),
    "OrderNPayCreateOrderRequest": (
        _required("ProviderOrderID", STRING, "Your ID for the order.", 64),
        *_SERVICE_MODE,
        Field("IsTraining", FLAG, "Whether it is a training order."),
        _list("Products", "Product", "The order's lines."),
        _PAYMENTS,
        _ADJUSTMENTS,
        _NOTES,
        _SERVICE_CHARGE,
        _PROVIDER_PRICES,
        _nullable("Covers", WHOLE, "The number of guests."),
    ),
    "OrderNPayUpdateOrderRequest": (
        _required("SalesTransactionID", GUID, "The order to update."),
        _nullable("ProviderOrderID", STRING, "Your ID for the order.", 64),
        _PROVIDER_PRICES,
        _ADDED_PRODUCTS,
        _list("Adjustments", "Adjustment", "Adjustments to add."),
        _list("Notes", "Note", "Notes on the order, or on particular lines."),
        _SERVICE_CHARGE,
        _nullable("Covers", WHOLE, "The new number of guests."),
    ),
    "OrderNPaySimulateOrderRequest": (
        *_SERVICE_MODE,
        _list("Products", "Product", "The order's lines.", required=True),
        _nullable("ProviderOrderID", STRING, "Your ID for the order.", 64),
        Field("ApplyAutomaticAdjustments", FLAG, "Whether the POS applies its own adjustments and returns them."),
        _PROVIDER_PRICES,
        _PAYMENTS,
        _ADJUSTMENTS,
        _NOTES,
        _SERVICE_CHARGE,
    ),
    "OrderNPayCreatePaymentRequest": (
        _required("SalesTransactionID", GUID, "The order to pay (inferred: this model's page is not known)."),
        _nullable("Payment", "Payment", "The payment (inferred)."),
    ),
    "Product": (
        *_LINE,
        _nullable("SalesModifierName", STRING, "Name or prefix of the modifier.", 8),
        _list("ChildProducts", "ChildProduct", "Lines that belong to this one; one level only."),
        _nullable("Adjustment", "Adjustment", "A discount or surcharge on this line."),
    ),
    "ChildProduct": (*_LINE, _nullable("SalesModifierName", STRING, "Name or prefix of the modifier.", 32)),
    "Payment": (
        _required("AmountSale", DECIMAL, "The amount for the sale, without tip, surcharge and service charge."),
        _required("Name", STRING, "The payment method.", 32),
        _nullable("ProviderPaymentID", STRING, "Your ID for the payment.", 64),
        _nullable("AmountTip", DECIMAL, "The tip."),
        _nullable("AmountSurcharge", DECIMAL, "A surcharge, for example for a card."),
        _nullable(
            "ExplicitServiceChargeAmount",
            DECIMAL,
            "A service charge in addition to AmountSale; null: the POS takes it from AmountSale.",
        ),
        _nullable("MerchantID", STRING, "The merchant.", 40),
        _nullable("TerminalID", STRING, "The payment terminal.", 40),
    ),
    "Adjustment": (
        _required("Amount", DECIMAL, "The amount; the sign of a discount is not documented."),
        _required("Name", STRING, "The reason for the adjustment.", 50),
        _nullable("ProviderAdjustmentID", STRING, "Your ID for the adjustment.", 64),
        _nullable("AdjustmentID", GUID, "The POS's adjustment; null: the POS's fallback."),
    ),
    "Note": (),  # its documentation is not known: any object is accepted
}

# One payload for each named type, for the API's description. The demo's simulated POSes (simulator/example.py) know
# these users, tables and products, and answer each request.
EXAMPLES: dict[str, dict[str, Any]] = {
    "OrderNPayGetUserFromPINRequest": {"PIN": "1234"},
    "OrderNPayGetOpenOrdersRequest": {"ServiceModeEntityID": "", "UserOrdersOnly": False},
    "OrderNPayCreateOrderRequest": {
        "ProviderOrderID": "web-20260301-17",
        "ServiceModeID": "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01",
        "ServiceModeEntityID": "7",
        "IsTraining": False,
        "Products": [
            {
                "ProductType": 0,
                "Name": "Chips",
                "Quantity": 2,
                "Price": 3.5,
                "TotalAmount": 7,
                "PLUIdentifier": "103",
            }
        ],
        "Payments": None,
        "Adjustments": None,
        "Notes": None,
        "ServiceChargeAmount": None,
        "UseProviderPrices": True,
        "Covers": 2,
    },
    "OrderNPayUpdateOrderRequest": {
        "SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1",
        "UseProviderPrices": False,
        "Products": [
            {
                "ProductType": 0,
                "Name": "Bread",
                "Quantity": 1,
                "Price": 0,
                "TotalAmount": 0,
                "PLUIdentifier": "105",
            }
        ],
    },
    "OrderNPaySimulateOrderRequest": {
        "ServiceModeID": "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01",
        "ServiceModeEntityID": "7",
        "Products": [
            {
                "ProductType": 0,
                "Name": "Soup",
                "Quantity": 1,
                "Price": 0,
                "TotalAmount": 0,
                "PLUIdentifier": "101",
            }
        ],
        "ApplyAutomaticAdjustments": True,
        "UseProviderPrices": False,
    },
    "OrderNPayCreatePaymentRequest": {
        "SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1",
        "Payment": {"AmountSale": 1, "Name": "visa", "AmountTip": 0.5},
    },
}


def json_schema(model: str) -> dict[str, Any]:
    """Return a model as JSON Schema; other models are referred to as components."""
    fields = MODELS[model]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: _schema_of(field) for field in fields},
        "additionalProperties": True,  # undocumented members are forwarded
    }
    if required := [field.name for field in fields if field.required]:
        schema["required"] = required
    if model in EXAMPLES:
        schema["examples"] = [EXAMPLES[model]]
    return schema


def _schema_of(field: Field) -> dict[str, Any]:
    schema = _schema_of_kind(field)
    if field.is_list:
        schema = {"type": "array", "items": schema}
    if field.nullable:
        schema = _or_null(schema)
    return schema | ({"description": field.meaning} if field.meaning else {})


def _schema_of_kind(field: Field) -> dict[str, Any]:
    if field.kind in MODELS:
        return {"$ref": f"#/components/schemas/{field.kind}"}
    schema = dict(_SCHEMAS[field.kind])
    return schema | ({"maxLength": field.limit} if field.limit is not None else {})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


_SCHEMAS: dict[str, dict[str, Any]] = {
    STRING: {"type": "string"},
    GUID: {"type": "string", "format": "uuid"},
    WHOLE: {"type": "integer", "format": "int32"},
    DECIMAL: {"type": "number", "format": "decimal"},
    FLAG: {"type": "boolean"},
    OBJECT: {"type": "object"},
}
