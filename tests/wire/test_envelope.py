"""Requests to a POS are written as documented, and its answers are read tolerantly."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wire.envelope import NO_CODE, NOT_JSON, NOT_UTF8, Answer, Unreadable, read_answer, write_request


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


def test_the_shortest_answer_is_an_id_and_a_code() -> None:
    assert read_answer('{"RequestID": "r", "ResultCode": 4}') == ("r", Answer(4, None, None))


def test_the_longest_request_id_is_read_even_if_every_character_is_escaped() -> None:
    spelled = json.dumps("\N{GRINNING FACE}" * 256)
    assert len(spelled) == 2 + 12 * 256
    read = read_answer(f'{{"RequestID": {spelled}, "ResultCode": 0}}')
    assert read == ("\N{GRINNING FACE}" * 256, Answer(0, None, None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"RequestID": "r"}',
        '{"RequestID": "r", "Status": "received"}',
        '{"ResultCode": 0}',
        '{"RequestID": null, "ResultCode": 0}',
        '{"RequestID": true, "ResultCode": 0}',
        '{"RequestID": {}, "ResultCode": 0}',
        '{"Request": "r", "ResultCode": ',
        '{"RequestID": ',
    ],
)
def test_a_frame_that_is_not_an_answer_gives_none(text: str) -> None:
    assert read_answer(text) is None


@pytest.mark.parametrize("code", ["0", "0.0", '"0"', '"0.0"', '" 0 "', '"+0"', "-0", "0.000", '"0\\n"', '"\\t0\u200b"'])
def test_a_result_code_is_read_in_any_spelling_of_a_whole_number(code: str) -> None:
    assert read_answer(f'{{"RequestID": "r", "ResultCode": {code}}}') == ("r", Answer(0, None, None))
    assert read_answer(f'{{"RequestID": "r", "ResultCode": {code.replace("0", "4", 1)}}}') in (
        ("r", Answer(4, None, None)),
        ("r", Answer(-4, None, None)),
    )


@pytest.mark.parametrize("code", ["0e0", "-0e5", "0E-3", '"-0"', '"0e0"', '"\\u0030"', '"\\t0.\\n"', "0.0e10"])
def test_zero_is_zero_in_every_spelling_of_a_number(code: str) -> None:
    assert read_answer(f'{{"RequestID": "r", "ResultCode": {code}}}') == ("r", Answer(0, None, None))


@pytest.mark.parametrize(("code", "number"), [("4e0", 4), ("40e-1", 4), ('"1.2E1"', 12), ("-2147483648.00", -(2**31))])
def test_a_result_code_with_an_exponent_is_read(code: str, number: int) -> None:
    assert read_answer(f'{{"RequestID": "r", "ResultCode": {code}}}') == ("r", Answer(number, None, None))


@pytest.mark.parametrize(
    "code", ["1e-1", "1e999999999", "1e-999999999", "1e9999999999", '"1_0"', '"\u0661"', '"0x0"', '""', '"NaN"', "[0]"]
)
def test_a_result_code_must_be_a_whole_number(code: str) -> None:
    _, found = read_answer(f'{{"RequestID": "r", "ResultCode": {code}}}') or ("", None)
    assert (type(found), str(found)) == (Unreadable, NO_CODE)


def test_an_error_message_that_is_a_number_of_any_size_keeps_its_spelling() -> None:
    text = f'{{"RequestID": "r", "ResultCode": 4, "ErrorMessage": {"9" * 5000}}}'
    assert read_answer(text) == ("r", Answer(4, "9" * 5000, None))


def test_a_result_code_may_be_spelled_with_escapes() -> None:
    assert read_answer('{"RequestID": "r", "ResultCode": "\\u0034\\ufeff"}') == ("r", Answer(4, None, None))


ANSWER = '{"RequestID": "r", "ResultCode": 0, "Payload": {"Name": "Caf\u00e9", "Amount": 5.00}}'


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + ANSWER,
        ANSWER + "\0\0\0",
        " \r\n" + ANSWER + "\n\0 ",
        ANSWER.encode(),
        ANSWER.encode("utf-8-sig"),
        ANSWER.encode("utf-16"),
        ANSWER.encode("utf-16-le"),
        ANSWER.encode("utf-16-be"),
        ANSWER.encode() + b"\0" * 100,
        "\x1e" + ANSWER + "\n",
        *(ANSWER + each for each in "\x01\x04\x0b\x0c\x1a\x1c\x1d\x1e\x1f\x7f\x85\xa0\u2028"),
        json.dumps("\ufeff" + ANSWER + "\x1f"),
    ],
)
def test_characters_that_clients_write_around_an_answer_are_ignored(content: str | bytes) -> None:
    found = read_answer(content)
    assert found == ("r", Answer(0, None, '{"Name": "Caf\u00e9", "Amount": 5.00}'))


def test_a_request_id_sent_as_a_number_is_read_as_its_digits() -> None:
    assert read_answer('{"RequestID": 17, "ResultCode": 0}') == ("17", Answer(0, None, None))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"RequestID": "r", "ErrorMessage": null}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": null}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": true}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": 0.5}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": "Success"}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": 2147483648}', NO_CODE),
        ('{"RequestID": "r", "ResultCode": ' + "9" * 5000 + "}", NO_CODE),
        ('{"RequestID": "r", "ResultCode": 0,}', NOT_JSON),
        ('{"requestid": "r", "ResultCode": 0, "Payload": {"A": NaN}}', NOT_JSON),
        ('{"RequestID": "r", "ResultCode": 0, "Payload": {"A": ', NOT_JSON),
        ('{"RequestID": "r", "ResultCode": 0} {"RequestID": "s", "ResultCode": 0}', NOT_JSON),
        ('{"RequestID": "r", "ResultCode": 0, "Payload": ' + "[" * 50_000, NOT_JSON),
        (b'{"RequestID": "r", "ResultCode": 0, "ErrorMessage": "Caf\xe9"}', NOT_UTF8),
        (b'{"RequestID": "r", "ResultCode": 0, "ErrorMessage": "Caf\xe9', NOT_UTF8),
    ],
)
def test_an_unreadable_answer_is_reported_with_its_request_id(content: str | bytes, why: str) -> None:
    found = read_answer(content)
    assert found is not None
    assert (found[0], type(found[1]), str(found[1])) == ("r", Unreadable, why)


def test_an_error_message_loses_only_characters_that_databases_reject() -> None:
    found = read_answer('{"RequestID": "r", "ResultCode": 4, "ErrorMessage": "a\\u0000b\\ud800c\\u00e9"}')
    assert found == ("r", Answer(4, "a\ufffdb\ufffdc\u00e9", None))


def test_an_error_message_that_is_not_a_string_keeps_its_spelling() -> None:
    found = read_answer('{"RequestID": "r", "ResultCode": 4, "ErrorMessage": {"n": 1.0}}')
    assert found == ("r", Answer(4, '{"n": 1.0}', None))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps('{"RequestID": "r-1", "ResultCode": 0}'),
        '"{\\"RequestID\\": \\"r-1\\", \\"ResultCode\\": \\"0\\"}"',
    ],
)
def test_an_answer_that_was_serialised_twice_is_read(text: str) -> None:
    read = read_answer(text)
    assert read is not None
    request_id, answer = read
    assert (request_id, answer) == ("r-1", Answer(0, None, None))


def test_the_request_id_of_json_in_single_quotes_is_found() -> None:
    read = read_answer("{'RequestID': 'r-1', 'ResultCode': 0}")
    assert read is not None
    assert read[0] == "r-1"
    assert isinstance(read[1], Unreadable)


@pytest.mark.parametrize(
    "text",
    [
        '{"RequestID": "' + "\u200b" * 300_000 + 'a", "ResultCode": 0}',
        '{"RequestID": [' + "[]," * 300_000 + '0], "ResultCode": 0}',
        '{"RequestID": "a", ' + '"":1,' * 200_000 + '"ResultCode": 0}',
    ],
    ids=["a long id", "an id of lists", "many members"],
)
def test_a_frame_that_would_be_slow_to_read_is_not_an_answer(text: str) -> None:
    answer = read_answer(text)
    assert answer is None or isinstance(answer[1], Unreadable)


def test_a_very_long_result_code_is_not_accepted() -> None:
    answer = read_answer('{"RequestID": "a", "ResultCode": "' + "\u200b" * 300_000 + '0"}')
    assert answer is not None
    assert isinstance(answer[1], Unreadable)
