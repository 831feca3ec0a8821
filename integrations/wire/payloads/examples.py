"""One payload for each named message type."""

from typing import Any

from integrations.wire.payloads.field import Field

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

# One value for each model inside a payload. The members of a Note are not documented, so its example is invented.
EXAMPLES_INSIDE: dict[str, dict[str, Any]] = {
    "Product": {
        "ProductType": 0,
        "Name": "Soup",
        "Quantity": 1,
        "Price": 4.5,
        "TotalAmount": 4.5,
        "PLUIdentifier": "101",
    },
    "ChildProduct": {
        "ProductType": 0,
        "Name": "Extra bread",
        "Quantity": 1,
        "Price": 0,
        "TotalAmount": 0,
        "PLUIdentifier": "105",
    },
    "Payment": {"AmountSale": 4.5, "Name": "visa", "AmountTip": 0.5},
    "Adjustment": {"Amount": 1, "Name": "Staff discount"},
    "Note": {"Text": "Pager 7"},
}


def example_of(field: Field) -> Any:
    """Return an example value for a field that holds a model or any object, or a list of them."""
    example = EXAMPLES_INSIDE.get(field.kind, {})
    return [example] if field.is_list else example
