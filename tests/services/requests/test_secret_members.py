"""PINs and other secrets are removed from JSON wherever they occur; no other character changes."""

import json
import random
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from integrations.services.requests.secret_members import BUILT_IN, hide, hide_values, is_secret, values_in
from portal.environment import Environment

HIDDEN = '"[redacted]"'
PLACE = "where a secret stands"

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
keys = st.text().filter(lambda key: not is_secret(key))
secret_keys = st.sampled_from(BUILT_IN).flatmap(
    lambda name: st.sampled_from([name, name.lower(), name.upper(), name.swapcase()])
)
payloads = st.recursive(
    plain | st.dictionaries(secret_keys, st.just(PLACE), min_size=1, max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)
values = st.recursive(
    st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(payloads, values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_secret_values_are_removed_and_every_other_character_is_kept(
    payload: Any, value: Any, ascii_only: bool, indent: int | str | None
) -> None:
    spelled = json.dumps(payload, ensure_ascii=ascii_only, indent=indent)
    secret = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert hide(spelled.replace(json.dumps(PLACE), secret)) == spelled.replace(json.dumps(PLACE), HIDDEN)


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    hide(text)
    hide(f'{{"PIN": {text}')
    hide(f'{{"PIN": "{text}')


def test_numbers_beside_a_secret_keep_their_spelling() -> None:
    spelled = '{"Total":12.50, "Big" : 1E400,"PIN":  0042 ,"n":-0.0,"PIN":"again"}'
    assert hide(spelled) == f'{{"Total":12.50, "Big" : 1E400,"PIN":  {HIDDEN} ,"n":-0.0,"PIN":{HIDDEN}}}'


@pytest.mark.parametrize(
    "payload",
    [
        '{"PIN": "73519"}',
        r'{"P\u0049N": "73519"}',
        r'{"\u0070\u0069\u006e": "73519"}',
        '{"userpin":73519}',
        '{"PIN": ["73519", {"x": "]"}], "y": 1}',
        '{"a": [[{"CVV": {"deep": {"er": ["73519"]}}}]]}',
        '{"PIN": "7351\\"9", "PIN": "73519"}',
        '{"Inner": "{\\"PIN\\": \\"73519\\"}"}',
        r'{"Inner": "{\u0022pin\u0022:\u002273519\u0022}"}',
        '{"Inner": "{\\"Inner\\": \\"{\\\\\\"PIN\\\\\\" : 73519}\\"}"}',
        '[{"Token" \t:\r\n"73519"}]',
        '{"PIN": "73519',
        '{"PIN": [1, "73519',
    ],
)  # fmt: skip
def test_a_secret_is_removed_in_any_form(payload: str) -> None:
    assert "7351" not in hide(payload)


@pytest.mark.parametrize(
    "payload",
    [
        '{"Shipping": "5.00", "Spinach": 2, "MaskedPAN": "12", "pins": 3}',
        '{"PIN": null}',
        '{"Note": "the \\"PIN\\" is on the wall", "x": "PIN"}',
        '["PIN", "Token", 1]',
        "{}",
        "",
    ],
)
def test_values_that_are_not_secret_are_kept(payload: str) -> None:
    assert hide(payload) == payload


def test_content_without_secrets_is_not_copied() -> None:
    payload = json.dumps({"Name": "Soup", "Note": "it's <hot> & \N{SNOWMAN}"})
    assert hide(payload) is payload


def test_a_configured_name_matches_in_any_letter_case() -> None:
    payload = '{"loyaltyCARD": "73519", "PIN": "73519"}'
    assert "73519" in hide(payload)
    with override_settings(REDACTED_FIELDS=["LoyaltyCard"]):
        assert "73519" not in hide(payload)


@pytest.mark.parametrize("name", ["User PIN", "Paßwort", 'PIN"', "x" * 65])
def test_an_impossible_member_name_prevents_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("REDACTED_FIELDS", name)
    with pytest.raises(ImproperlyConfigured, match="REDACTED_FIELDS"):
        Environment().member_names("REDACTED_FIELDS")
    monkeypatch.setenv("REDACTED_FIELDS", "LoyaltyCard,x-1_2.3")
    assert Environment().member_names("REDACTED_FIELDS") == ["LoyaltyCard", "x-1_2.3"]


def test_a_long_payload_is_searched_in_time_that_grows_with_its_length() -> None:
    # On each text below, a search with backtracking or recursion would take quadratic time or overflow the stack.
    dice = random.Random(1)
    hide('{"PIN": "' + "\\" * 200_001)
    hide('{"PIN": ' + "[" * 200_000)
    hide('"' * 100_000 + '"PIN"' * 20_000)
    hide('{"PIN": 1}' + "".join(dice.choices('"\\{}[]:,u0', k=200_000)))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (r'{"{\"PIN\": \"4711\"}": 1}', '{"[redacted]": 1}'),
        (r'{"a": [{"{\"x\": {\"P\\u0049N\": 4711}}" : {"b": 2.50}}]}', '{"a": [{"[redacted]" : {"b": 2.50}}]}'),
        (r'{"{\"PIN\": 4711}": {"PIN": "0815", "c": "d"}}', '{"[redacted]": {"PIN": "[redacted]", "c": "d"}}'),
        (r'{"{\"a\": 1}": {"PIN": null}, "PIN:": "x"}', r'{"{\"a\": 1}": {"PIN": null}, "PIN:": "x"}'),
    ],
)
def test_json_that_is_the_name_of_a_member_is_hidden_whole(text: str, hidden: str) -> None:
    assert hide(text) == hidden
    assert json.loads(hidden)
    assert ("4711" in values_in(text)) == ("4711" in text)


def test_a_hidden_value_is_also_hidden_as_a_member_name() -> None:
    hidden = hide_values('{"4711": "4711 ", "47110": 4}', frozenset({"4711"}))
    assert hidden == '{"[redacted]": "[redacted]", "47110": 4}'
