"""JSON is split into members without changing their spelling."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wire import raw_json
from integrations.wire.raw_json import NotAnObject

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
blanks = st.text(alphabet=" \t\r\n", max_size=3)
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


@given(st.dictionaries(st.text(), values), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_payload_comes_through_with_the_same_spelling(
    payload: dict[str, Any], ascii_only: bool, indent: int | str | None
) -> None:
    spelled = json.dumps(payload, ensure_ascii=ascii_only, indent=indent)
    body = json.dumps({"device_id": "x"})[:-1] + f', "payload": {spelled}, "durable": true}}'
    assert raw_json.members(body) == {"device_id": '"x"', "payload": spelled, "durable": "true"}


@given(numbers, blanks, blanks)
def test_any_number_keeps_its_digits(number: str, before: str, after: str) -> None:
    assert raw_json.members(f'{before}{{"n"{after}:{before}{number}{after}}}{after}') == {"n": number}
    assert raw_json.members(f'{{"a": [{number},{before}{number}]}}') == {"a": f"[{number},{before}{number}]"}


@given(st.dictionaries(st.text(), values))
def test_written_json_is_read_back_unchanged(content: dict[str, Any]) -> None:
    raw = {key: json.dumps(value) for key, value in content.items()}
    assert raw_json.members(raw_json.write({}, raw)) == raw
    assert json.loads(raw_json.write(content, {})) == content


@given(st.text() | values.map(json.dumps))
def test_a_text_is_split_exactly_if_a_parser_accepts_it(text: str) -> None:
    try:
        parsed = json.loads(text)
        is_object = isinstance(parsed, dict) and "NaN" not in text and "Infinity" not in text
    except ValueError:
        is_object = False
    try:
        members = raw_json.members(text)
    except NotAnObject:
        assert not is_object or "NaN" in text or "Infinity" in text
        return
    assert {key: json.loads(value) for key, value in members.items()} == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "}",
        "[]",
        "null",
        '"a"',
        "{,}",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{"a":1}x',
        '{"a":01}',
        '{"a":.5}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":[Infinity]}',
        "{'a':1}",
        '{"a":"\n"}',
        "\ufeff{}",
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_other_texts_than_json_objects_are_refused(text: str) -> None:
    with pytest.raises(NotAnObject):
        raw_json.members(text)


def test_the_last_value_of_a_repeated_key_counts() -> None:
    assert raw_json.members('{"a": 1, "\\u0061": 2}') == {"a": "2"}


@given(st.lists(st.tuples(st.sampled_from(["a", "b", '"', "\\"]), values), max_size=4), st.sampled_from([None, 1]))
def test_repeated_keys_are_found(pairs: list[tuple[str, Any]], indent: int | None) -> None:
    spelled = " , ".join(f"{json.dumps(key)}:\n{json.dumps(value, indent=indent)}" for key, value in pairs)
    keys = [key for key, _ in pairs]
    assert repeated(f"{{{spelled}}}") == {key for key in keys if keys.count(key) > 1}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("{}", set()),
        (' { "a" : 1 } ', set()),
        ('{"a": 1, "a": 1}', {"a"}),
        ('{"a": 12, "b": 3, "a": 1}', {"a"}),
        ('{"a": 1, "\\u0061": 2}', {"a"}),
        ('{"a": {"b": 1, "b": 2}}', set()),
        (r'{"a": "\ud800", "b": "\ud800"}', set()),
        ('{"a": ' + "9" * 5000 + ', "a": 1}', {"a"}),
    ],
)
def test_only_keys_of_the_object_itself_count_as_repeated(text: str, keys: set[str]) -> None:
    assert repeated(text) == keys


def repeated(text: str) -> set[str]:
    return raw_json.repeated_keys(text, raw_json.members(text))


def test_a_number_of_many_digits_is_neither_computed_nor_refused() -> None:
    number = "9" * 100_000
    assert raw_json.members(f'{{"a": {number}}}') == {"a": number}


def test_an_object_with_too_many_members_is_refused() -> None:
    most = ",".join(f'"{number}":1' for number in range(raw_json.MOST_MEMBERS))
    assert len(raw_json.members(f"{{{most}}}")) == raw_json.MOST_MEMBERS
    for more in (f'{{{most},"more":1}}', "{" + '"":1,' * raw_json.MOST_MEMBERS + '"":1}'):
        with pytest.raises(raw_json.NotAnObject):
            raw_json.members(more)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (r'{"a": "\ud800"}', {"a": r'"\ud800"'}),
        (r'{"\ud800": 1, "\udC00\uD83D\uDE00": 2}', {"\ud800": "1", "\udc00\U0001f600": "2"}),
        (
            r'{"a": "\\ud800 \ude00\ud83d", "b": {"c": "\ud83d\ude00"}}',
            {"a": r'"\\ud800 \ude00\ud83d"', "b": r'{"c": "\ud83d\ude00"}'},
        ),
        ('{"a": "\ufdd0\\ud800", "\ufdd0": "\ufdd1"}', {"a": '"\ufdd0\\ud800"', "\ufdd0": '"\ufdd1"'}),
        ('{"a": "\ud800"}', {"a": '"\ud800"'}),
    ],
)
def test_half_of_a_surrogate_pair_keeps_its_spelling(text: str, members: dict[str, str]) -> None:
    assert raw_json.members(text) == members
    assert {key: json.loads(spelled) for key, spelled in members.items()} == json.loads(text)


def test_many_commas_and_blanks_are_not_many_members() -> None:
    text = json.dumps({str(number): {"a,": [1] * 50} for number in range(raw_json.MOST_MEMBERS)}, indent=8)
    assert len(raw_json.members(text)) == raw_json.MOST_MEMBERS
    assert raw_json.members('{"a": 1' + " " * 10_000 + "}") == {"a": "1"}
