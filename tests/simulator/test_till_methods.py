"""The answers of the simulated POS."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.simulator import json_text, till_messages
from integrations.simulator.catalogue import Catalogue
from integrations.simulator.example import MANAGER, TRAINEE, WAITER, example_till
from integrations.simulator.orders import Line, Lock
from integrations.simulator.till import Till
from integrations.simulator.till_methods import answer
from tests.simulator.sample_requests import ORDERS_REQUEST, PIN_REQUEST, order_numbers

MANAGER_ONLY = Catalogue(users=(MANAGER,))
SUMMARY_KEYS = [
    "SalesTransactionID",
    "ServiceModePrefix",
    "ServiceModeEntityID",
    "OrderNumberOpened",
    "OwnedBy_UserID",
    "CurrencyCode",
    "Amount",
    "AmountOwing",
    "InUse",
    "InUseByTerminalDisplayID",
    "InUseByUserName",
]


def answer_text(request: dict[str, Any], till: Till | None = None) -> str:
    read = till_messages.read_request(json.dumps(request))
    return till_messages.write_answer(read, answer(till or example_till(), read))


def answer_to(request: dict[str, Any], till: Till | None = None) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(answer_text(request, till))
    return decoded


def test_a_known_pin_is_answered_with_the_user() -> None:
    assert answer_to(PIN_REQUEST) == {
        "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
        "ResultCode": 0,
        "ErrorMessage": None,
        "MessageType": 0,
        "Payload": {"UserID": MANAGER.user_id, "UserName": "Manager", "CanMakePayments": True},
    }


def test_an_unknown_pin_is_refused_with_the_documented_code_and_text() -> None:
    assert answer_to(PIN_REQUEST | {"Payload": {"PIN": "0000"}}) == {
        "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
        "ResultCode": 4,
        "ErrorMessage": "No user was found matching the specified logon!",
        "MessageType": 0,
        "Payload": None,
    }


def test_a_user_without_permission_is_found_and_marked_so() -> None:
    payload = answer_to(PIN_REQUEST | {"Payload": {"PIN": TRAINEE.pin}})["Payload"]
    assert payload == {"UserID": TRAINEE.user_id, "UserName": "Trainee", "CanMakePayments": False}


def test_open_orders_of_all_tables_are_answered_in_the_documented_format() -> None:
    answered = answer_to(ORDERS_REQUEST)
    assert order_numbers(answered) == ["S1000001", "S1000003", "S1000002"]
    assert answered["Payload"]["UserOrdersOnly"] is False
    assert all(list(order) == SUMMARY_KEYS for order in answered["Payload"]["Orders"])


def test_the_first_open_order_is_the_documented_example() -> None:
    assert answer_to(ORDERS_REQUEST)["Payload"]["Orders"][0] == {
        "SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1",
        "ServiceModePrefix": "TBL",
        "ServiceModeEntityID": "1",
        "OrderNumberOpened": "S1000001",
        "OwnedBy_UserID": "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4",
        "CurrencyCode": "GBP",
        "Amount": 5.0,
        "AmountOwing": 5.0,
        "InUse": False,
        "InUseByTerminalDisplayID": None,
        "InUseByUserName": None,
    }


def test_open_orders_can_be_filtered_by_table() -> None:
    payload = {"ServiceModeEntityID": "2", "UserOrdersOnly": False}
    assert order_numbers(answer_to(ORDERS_REQUEST | {"Payload": payload})) == ["S1000002"]


def test_a_table_without_orders_has_an_empty_list() -> None:
    payload = {"ServiceModeEntityID": "77", "UserOrdersOnly": False}
    assert answer_to(ORDERS_REQUEST | {"Payload": payload})["Payload"]["Orders"] == []


def test_open_orders_can_be_filtered_by_the_requesting_user() -> None:
    request = ORDERS_REQUEST | {"UserIdentifier": WAITER.user_id, "Payload": {"UserOrdersOnly": True}}
    answered = answer_to(request)
    assert order_numbers(answered) == ["S1000002"]
    assert answered["Payload"]["UserOrdersOnly"] is True


@pytest.mark.parametrize("identifier", [MANAGER.pin, MANAGER.user_id, MANAGER.user_id.upper()])
def test_a_user_identifier_is_a_pin_or_a_user_id(identifier: str) -> None:
    assert answer_to(ORDERS_REQUEST | {"UserIdentifier": identifier})["ResultCode"] == 0


@pytest.mark.parametrize("identifier", [None, "", "0000"])
def test_open_orders_are_refused_to_an_unknown_user(identifier: str | None) -> None:
    answered = answer_to(ORDERS_REQUEST | {"UserIdentifier": identifier})
    assert (answered["ResultCode"], answered["Payload"]) == (4, None)


def test_open_orders_are_refused_to_a_user_without_permission() -> None:
    answered = answer_to(ORDERS_REQUEST | {"UserIdentifier": TRAINEE.pin})
    assert answered["ResultCode"] == till_messages.USER_NOT_PERMITTED
    assert answered["ErrorMessage"] == "Trainee may not use this interface."


def test_a_locked_order_names_its_terminal_and_user() -> None:
    order = replace(example_till().orders[0], lock=Lock(terminal="T2", user_name="Waiter"))
    (summary,) = answer_to(ORDERS_REQUEST, Till(MANAGER_ONLY, orders=[order]))["Payload"]["Orders"]
    assert (summary["InUse"], summary["InUseByTerminalDisplayID"], summary["InUseByUserName"]) == (
        True,
        "T2",
        "Waiter",
    )


@pytest.mark.parametrize(
    ("amount", "written"), [("5.00", "5.0"), ("19.99", "19.99"), ("0.10", "0.1"), ("99999999999.99",) * 2]
)
def test_money_is_written_as_a_number_exact_to_the_cent(amount: str, written: str) -> None:
    line = Line(name="Soup", price=Decimal(amount), total=Decimal(amount))
    order = replace(example_till().orders[0], lines=(line,))
    assert f'"Amount": {written},' in answer_text(ORDERS_REQUEST, Till(MANAGER_ONLY, orders=[order]))


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda key: key[0].lower() + key[1:]])
def test_requests_are_read_with_keys_in_any_letter_case(spell: Any) -> None:
    request = {spell(key): value for key, value in PIN_REQUEST.items()} | {spell("Payload"): {spell("PIN"): "1234"}}
    answered = answer_to(request)
    assert (answered["RequestID"], answered["ResultCode"]) == (PIN_REQUEST["RequestID"], 0)


def test_an_unknown_message_type_is_refused_by_number() -> None:
    assert answer_to(PIN_REQUEST | {"MessageType": 77}) == {
        "RequestID": PIN_REQUEST["RequestID"],
        "ResultCode": till_messages.UNSUPPORTED_MESSAGE,
        "ErrorMessage": "This simulated POS does not know message type 77.",
        "MessageType": 77,
        "Payload": None,
    }


@pytest.mark.parametrize("payload", [None, [], "1234", {}, {"PIN": None}, {"PIN": 1234}])
def test_a_payload_without_a_pin_is_refused_and_named(payload: Any) -> None:
    answered = answer_to(PIN_REQUEST | {"Payload": payload})
    assert answered["ResultCode"] == till_messages.MALFORMED_PAYLOAD
    assert answered["ErrorMessage"] == "GetUserFromPIN needs the text PIN in its payload."


@pytest.mark.parametrize("payload", [{"ServiceModeEntityID": 2}, {"UserOrdersOnly": "false"}])
def test_a_filter_of_a_wrong_type_is_refused(payload: Any) -> None:
    assert answer_to(ORDERS_REQUEST | {"Payload": payload})["ResultCode"] == till_messages.MALFORMED_PAYLOAD


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e99999999999999999999", "0." + "1" * 5000])
@pytest.mark.parametrize(("key", "code"), [("Other", 0), ("PIN", till_messages.MALFORMED_PAYLOAD)])
def test_a_request_with_a_number_of_any_magnitude_is_answered(number: str, key: str, code: int) -> None:
    plain = json.dumps(PIN_REQUEST).replace('"PIN": "1234"', f'"PIN": "1234", "{key}": 0')
    read = till_messages.read_request(plain.replace(f'"{key}": 0', f'"{key}": {number}'))
    assert answer(example_till(), read).result_code == code


@pytest.mark.parametrize("number", ["9" * 5000, "1e99999999999999999999", "1" + "0" * 34 + "1"])
def test_a_number_that_is_too_large_to_compute_is_written_as_it_was_received(number: str) -> None:
    assert json_text.write(json_text.read(f'{{"a": {number}}}')) == f'{{"a": {number}}}'


def test_a_request_without_an_id_is_answered_with_null_as_its_id() -> None:
    assert answer_to({"MessageType": 0, "Payload": {"PIN": "1234"}})["RequestID"] is None


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ('{"MessageType": NaN}', "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"MessageType": ' + "9" * 5000 + "}", "it has no whole number as MessageType"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        (b"{}", "it is binary"),
        ("{}", "it has no whole number as MessageType"),
        ('{"MessageType": "0"}', "it has no whole number as MessageType"),
        ('{"MessageType": true}', "it has no whole number as MessageType"),
        ('{"MessageType": 0, "RequestID": 7}', "its RequestID is neither text nor null"),
        ('{"MessageType": 0, "UserIdentifier": []}', "its UserIdentifier is neither text nor null"),
    ],
)
def test_a_frame_that_is_not_a_request_is_refused_with_a_reason(frame: str | bytes, reason: str) -> None:
    with pytest.raises(till_messages.NotARequestError, match=f"^{reason}$"):
        till_messages.read_request(frame)
