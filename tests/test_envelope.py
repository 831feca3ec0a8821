"""What goes to a POS and what is read of its answers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.pos.envelope import read_answer, write_request
from integrations.relay.lane import Answer


@given(st.text(), st.text(), st.none() | st.text(), st.integers(0, 2**31 - 1))
def test_a_request_is_the_documented_object(request_id: str, device: str, user: str | None, number: int) -> None:
    frame = write_request(
        request_id=request_id, message_type=number, device_id=device, user_identifier=user, payload='{"A": 1.50}'
    )
    content = json.loads(frame)
    assert list(content) == [
        "RequestID",
        "ProviderID",
        "ProviderName",
        "DeviceID",
        "UserIdentifier",
        "MessageType",
        "Payload",
    ]
    assert (content["RequestID"], content["DeviceID"], content["UserIdentifier"]) == (request_id, device, user)
    assert content["MessageType"] == number
    assert frame.endswith('"Payload": {"A": 1.50}}')


@pytest.mark.parametrize("names", [str.lower, str.upper, str.swapcase, str])
def test_an_answer_is_read_in_any_letter_case(names: Any) -> None:
    values = {"RequestID": '"r"', "ResultCode": "0", "ErrorMessage": "null", "Payload": '{"Amount": 5.00}'}
    text = "{" + ", ".join(f'"{names(name)}": {value}' for name, value in values.items()) + "}"
    assert read_answer(text) == ("r", Answer(0, None, '{"Amount": 5.00}'))


def test_the_least_answer_is_an_id_and_a_code() -> None:
    assert read_answer('{"RequestID": "r", "ResultCode": 4}') == ("r", Answer(4, None, None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"RequestID": "r"}',
        '{"ResultCode": 0}',
        '{"RequestID": null, "ResultCode": 0}',
        '{"RequestID": 1, "ResultCode": 0}',
        '{"RequestID": "r", "ResultCode": true}',
        '{"RequestID": "r", "ResultCode": 0.0}',
        '{"RequestID": "r", "ResultCode": 2147483648}',
        '{"RequestID": "r", "ResultCode": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert read_answer(text) is None


def test_an_error_message_loses_only_what_no_database_takes() -> None:
    found = read_answer('{"RequestID": "r", "ResultCode": 4, "ErrorMessage": "a\\u0000b\\ud800c\\u00e9"}')
    assert found == ("r", Answer(4, "a\ufffdb\ufffdc\u00e9", None))


def test_an_error_message_that_is_no_string_is_kept_as_it_was_spelled() -> None:
    found = read_answer('{"RequestID": "r", "ResultCode": 4, "ErrorMessage": {"n": 1.0}}')
    assert found == ("r", Answer(4, '{"n": 1.0}', None))
