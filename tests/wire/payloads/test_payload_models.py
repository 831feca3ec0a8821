"""The optional validation of a payload against its documented model."""

import json
from typing import Any

import pytest

from integrations.wire.payloads import checking
from integrations.wire.payloads.answer_models import ALL_MODELS
from integrations.wire.payloads.checking import Invalid, check
from integrations.wire.payloads.examples import EXAMPLES

GUID = "1121008e-2769-46e2-918d-65e0291621a1"
UPDATE = "OrderNPayUpdateOrderRequest"


def errors_of(payload: str | dict[str, Any], model: str = UPDATE) -> dict[str, str]:
    try:
        check(payload if isinstance(payload, str) else json.dumps(payload), model)
    except Invalid as error:
        return error.errors
    return {}


def update(**changes: Any) -> dict[str, Any]:
    return {"SalesTransactionID": GUID} | changes


@pytest.mark.parametrize("model", EXAMPLES)
def test_every_example_fits_its_model(model: str) -> None:
    assert errors_of(EXAMPLES[model], model) == {}


def test_every_model_that_a_field_refers_to_exists() -> None:
    kinds = {field.kind for fields in ALL_MODELS.values() for field in fields}
    assert kinds <= set(ALL_MODELS) | set(checking._KINDS)


def test_keys_are_read_in_any_letter_case_and_unknown_ones_pass() -> None:
    assert errors_of({"salesTransactionID": GUID, "USEPROVIDERPRICES": True, "somethingElse": [1]}) == {}


def test_a_field_given_twice_in_any_letter_case_is_named() -> None:
    given = f'"SalesTransactionID": "{GUID}", "Covers": 1'
    product = '{"ProductType": 0, "Name": "a", "Quantity": 1, "Price": 1, "TotalAmount": 1, "price": 1}'
    assert errors_of(f'{{{given}, "covers": 2, "Products": [{product}], "Own": 1, "Own": 2}}') == {
        "Covers": "is given twice",
        "Products[0].Price": "is given twice",
    }


def test_each_wrong_field_is_named_by_its_path() -> None:
    products = [{"ProductType": 0, "Name": "x" * 51, "Quantity": 1.5, "Price": "1", "TotalAmount": 1}]
    products[0]["ChildProducts"] = [{"ProductType": 0, "Name": "x", "Quantity": 1, "Price": 1}]
    assert errors_of({"Products": products, "Covers": None, "UseProviderPrices": None}) == {
        "SalesTransactionID": "is missing",
        "UseProviderPrices": "must not be null",
        "Products[0].Name": "is longer than 50 characters",
        "Products[0].Quantity": "must be a whole number of 32 bits",
        "Products[0].Price": "must be a number of at most 13 digits, two of them decimals",
        "Products[0].ChildProducts[0].TotalAmount": "is missing",
    }


@pytest.mark.parametrize(
    "number", ["0", "-0.0", "5.0", "5.00", "5.000", "1.23", "99999999999.99", "1E2", "1e-2", "100E-4"]
)
def test_money_with_two_decimals_is_valid_in_every_spelling(number: str) -> None:
    assert errors_of(f'{{"SalesTransactionID": "{GUID}", "ServiceChargeAmount": {number}}}') == {}


@pytest.mark.parametrize(
    "number",
    [
        "1.234",
        "0.001",
        "100000000000",
        "1e11",
        "1e-3",
        "1E999999999",
        "1E-999999999",
        "1E99999999999999999999",
        "0E-99999999999999999999",
        "9" * 5000,
        '"1.00"',
        "true",
        "1." + "0" * 99,
    ],
)
def test_other_numbers_are_not_valid_money(number: str) -> None:
    assert "ServiceChargeAmount" in errors_of(f'{{"SalesTransactionID": "{GUID}", "ServiceChargeAmount": {number}}}')


@pytest.mark.parametrize("guid", [GUID.replace("-", ""), f"{{{GUID}}}", GUID[:-1], 7, "g" * 36])
def test_other_values_are_not_valid_guids(guid: Any) -> None:
    assert errors_of({"SalesTransactionID": guid}) == {"SalesTransactionID": "must be a GUID of 36 characters"}


def test_a_list_field_needs_a_list_and_a_model_field_an_object() -> None:
    assert errors_of(update(Products={})) == {"Products": "must be a list"}
    assert errors_of(update(Products=[1])) == {"Products[0]": "must be an object"}
    assert errors_of(update(Notes=[{"anything": 1}])) == {}


def test_a_required_list_may_be_empty_but_not_null() -> None:
    base = {"ServiceModeID": GUID, "ServiceModeEntityID": "1"}
    assert errors_of(base | {"Products": []}, "OrderNPaySimulateOrderRequest") == {}
    assert errors_of(base | {"Products": None}, "OrderNPaySimulateOrderRequest") == {"Products": "must not be null"}
