"""Stored text never shows the value of a PIN or other secret, however deeply the JSON is nested or escaped."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.services.requests import contents
from integrations.services.requests.secret_members import BUILT_IN, hide, hide_in_words
from integrations.staff.requests.legible import legible
from integrations.wire import raw_json

MARKER = "73519462"
BOM = "\ufeff"
LONGEST_WAIT = 10.0  # seconds, for a mebibyte on a busy machine; a quadratic search would take hours


def as_string(text: str, chance: random.Random, *, escaped: float) -> str:
    """Return a text as a JSON string, with randomly chosen escapes of every kind."""
    return f'"{"".join(_escaped(each, chance, escaped) for each in text)}"'


def _escaped(character: str, chance: random.Random, escaped: float) -> str:
    if chance.random() < escaped or character < " ":
        units = character.encode("utf-16-be", "surrogatepass").hex()
        return "".join(
            rf"\u{chance.choice([str.lower, str.upper])(units[at : at + 4])}" for at in range(0, len(units), 4)
        )
    if character in '"\\':
        return f"\\{character}"
    return "\\/" if character == "/" and chance.random() < 0.5 else character


def name_in_some_case(chance: random.Random) -> str:
    name = chance.choice(BUILT_IN)
    name = "".join(chance.choice([str.lower, str.upper])(each) for each in name)
    return chance.choice([name, name, f" {name}", f"{name}\u200b", name[:1] + chance.choice("_-") + name[1:]])


def member(chance: random.Random, escaped: float) -> str:
    """Return a JSON object with the marker as the value of a secret, such as a PIN."""
    value = chance.choice(
        [
            as_string(MARKER, chance, escaped=escaped),
            MARKER,
            f'["{MARKER}"]',
            f'{{"x": [1, {MARKER}]}}',
            f'"a{MARKER}b"',
        ]
    )
    blank = chance.choice(["", " ", "\n", "\t "])
    before = chance.choice(["", '"a": 1, ', '"note": "5\\" pipe", ', '"it\'s": "\\\\", '])
    name = as_string(name_in_some_case(chance), chance, escaped=escaped)
    return f"{{{before}{name}{blank}:{blank}{value}{blank}}}"


def wrapped(text: str, chance: random.Random, escaped: float) -> str:
    """Return the JSON nested in other JSON: in a list, in an object, or as a string."""
    inner = as_string(chance.choice(["", BOM, " \n"]) + text + chance.choice(["", "\x00"]), chance, escaped=escaped)
    inner = chance.choice([inner, inner, text])
    return chance.choice([f"[1, {inner}, {{}}]", f'{{"x" : {inner}}}', f'{{"x":[[{inner}]],"y":null}}', inner])


@st.composite
def texts(draw: st.DrawFn) -> str:
    chance = draw(st.randoms(use_true_random=True))  # drawing one seed is faster than drawing each character
    depth, escaped = draw(st.sampled_from([(0, 0.5), (1, 1.0), (2, 0.5), (3, 0.3), (5, 0.05), (9, 0.0)]))
    text = member(chance, escaped)
    for _ in range(depth):
        text = wrapped(text, chance, escaped)
    return text


def readings(text: str) -> list[str]:
    """Return the text, then the text with its escapes resolved once, twice, and so on, until nothing changes."""
    found = [text]
    while (resolved := raw_json.resolve_everywhere(found[-1])) != found[-1]:
        found.append(resolved)
    return found


def assert_hidden(text: str) -> None:
    assert not [reading for reading in readings(text) if MARKER in reading]


@settings(max_examples=50)
@given(texts())
def test_values_under_a_secret_name_are_hidden_at_any_depth_and_in_any_spelling(text: str) -> None:
    assert_hidden(hide(text))
    assert_hidden(hide(f"{BOM}{text}"))


@settings(max_examples=50)
@given(
    texts(), st.sampled_from(["", 'of 5" pipe: ', "it's ", 'bad "', "cannot read "]), st.sampled_from(["", '"', " ok"])
)
def test_a_secret_within_text_is_hidden_whatever_surrounds_it(text: str, before: str, after: str) -> None:
    assert_hidden(hide_in_words(before + text + after))


@settings(max_examples=50)
@given(texts())
def test_a_stored_and_shown_answer_does_not_contain_the_secret(text: str) -> None:
    kept = contents.keep_answer(text, text)
    assert_hidden(str(kept.error_message))
    assert_hidden(str(kept.answer))
    assert contents.original_answer(kept) == (text, text)
    assert_hidden(legible(text))


@pytest.mark.parametrize("times", range(6))
@pytest.mark.parametrize("value", [MARKER, int(MARKER), [{"a": MARKER}], "the word 73519462"])
def test_an_answer_that_repeats_the_payload_reveals_no_secret(value: Any, times: int) -> None:
    asked = contents.secrets_sealed(
        contents.keep_request(None, nested({"Name": "Soup", "UserPIN": value}, times)).sealed
    )
    repeated = str(value) if isinstance(value, str) else MARKER
    for said in (f"No user has {repeated}.", f"({repeated})", f"user={repeated};"):
        kept = contents.keep_answer(said, json.dumps({"Text": said, "Inner": json.dumps({"Text": said})}), asked)
        assert_hidden(f"{kept.error_message} {kept.answer}")


@pytest.mark.parametrize(
    "text",
    [
        r'{"x": "{\"P\\u0049N\": \"73519462\"}"}',
        r'{"x": "[{\"a\": \"{\\\"\\u0050\\u0069n\\\":73519462}\"}]"}',
        r'{"x": "{\u0022\u0070in\u0022\u003a\u002273519462\u0022}"}',
        r'{"x": "{\u005cu0022pin\u005cu0022\u005cu003a 73519462}"}',
        r'{"x": "{\"P\u005cu0049N\": 73519462}"}',
        r"""{"x": "{'pin': '73519462'}"}""",
        '{"x": "\ufeff{\\"PIN\\": 73519462}"}',
        '{"P\u200bIN": 73519462}',
        '{"\uff30\uff29\uff2e": 73519462}',
        r'{"\ud835\udc0f\ud835\udc08\ud835\udc0d": 73519462}',
        '{"user_pin": 73519462, "card-number": "73519462", "ACCESS_TOKEN": "73519462"}',
        r'{"x": "{\"PIN\": null, \"PIN\": 73519462}"}',
        r'{"x": "{\"PIN\": \"[redacted] 73519462\"}"}',
    ],
)
def test_a_secret_is_hidden_in_each_of_these_spellings(text: str) -> None:
    assert_hidden(hide(text))


@pytest.mark.parametrize(
    "text",
    [
        "No user has the PIN 73519462.",
        "PIN '73519462' is wrong",
        "pin code was 73519462",
        "PIN: is 73519462",
        'Invalid: {"P\\u0049N": "73519462"}',
        'In 5" {"PIN": "73519462"}',
        "PINCode=73519462",
        "card number: 73519462",
        r"<Error>{\"CVV\": \"73519462\"}</Error>",
    ],
)
def test_an_error_message_that_repeats_a_pin_is_stored_without_it(text: str) -> None:
    kept = contents.keep_answer(text, None)
    assert_hidden(str(kept.error_message))
    assert contents.original_answer(kept) == (text, None)


@pytest.mark.parametrize(
    "text", ["No such table: 12", "Der Pinsel (123) ist aus", 'Table "7" is in use', '5" pipe', ""]
)
def test_an_error_message_without_a_secret_is_stored_unchanged(text: str) -> None:
    assert contents.keep_answer(text, None).error_message == text
    assert contents.keep_answer(text, '{"Name": "C:\\\\temp", "Note": "it\'s \\"hot\\""}').sealed is None


def test_a_user_identifier_that_may_be_a_pin_is_hidden_where_a_pos_repeats_it() -> None:
    asked = contents.secrets_asked("4711", '{"ServiceModeEntityID": "7"}')
    kept = contents.keep_answer("User 4711 may not; 47110 may", '{"a": "by 4711", "b": 4, "c": "7"}', asked)
    assert (kept.error_message, kept.answer) == (
        "User [redacted] may not; 47110 may",
        '{"a": "[redacted]", "b": 4, "c": "7"}',
    )


def test_names_of_the_settings_are_found_in_every_spelling_too() -> None:
    text = r'{"x": "{\"Loyalty\\u0043ard\": 73519462}", "loyalty_card": 73519462}'
    with override_settings(REDACTED_FIELDS=["LoyaltyCard"]):
        assert_hidden(hide(text))


def nested(value: Any, times: int) -> str:
    """Nest the value this many times in a JSON object that holds the inner JSON as a string."""
    text = json.dumps(value)
    for _ in range(times):
        text = json.dumps({"x": text})
    return text


HOSTILE: dict[str, Callable[[int], str]] = {
    "backslashes": lambda n: '{"x": "' + "\\" * n,
    "escaped backslashes, again and again": lambda n: '{"x": "' + r"\u005c" * (n // 6) + '"}',
    "a chain of escapes": lambda n: '{"x": "' + r"\u005c" + "u005c" * (n // 5) + '"}',
    "quotation marks": lambda n: '"' * n,
    "escaped quotation marks": lambda n: '{"x": "' + '\\"' * (n // 2) + '"}',
    "names": lambda n: '{"x": "' + '\\"pin\\"' * (n // 7) + '"}',
    "names and blanks": lambda n: '"pin"' + " " * n,
    "keys": lambda n: '{"x": "' + '\\"a\\" :' * (n // 8) + '"}',
    "brackets": lambda n: '{"P\\u0049N": ' + "[" * n,
    "PINs in words": lambda n: "pin " * (n // 4) + "pin is" * 10,
    "letters beyond ASCII": lambda n: '{"' + "\u00e9" * n + '": 1}',
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_take_time_that_grows_with_their_length(kind: str) -> None:
    text = HOSTILE[kind](1 << 20)
    began = time.process_time()
    hide(text)
    hide_in_words(text)
    contents.secrets_asked("4711", text)
    assert time.process_time() - began < LONGEST_WAIT


@pytest.mark.parametrize("times", [1, 2, 3, 4, 5, 7, 8, 9, 12])
def test_nested_json_strings_are_searched_or_removed_unread(times: int) -> None:
    assert_hidden(hide(nested({"PIN": MARKER}, times)))
    if times <= 7:
        assert hide(nested({"Name": MARKER}, times)) == nested({"Name": MARKER}, times)
