"""Equal JSON has one canonical spelling, and different JSON has different ones."""

import json
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wire.canonical_json import canonical
from integrations.wire.raw_json import MOST_NESTED

# Three spellings of each number, around Python's limit of 4,300 digits for a whole number.
LONG = [(f"1{'0' * (count - 1)}", f"1e{count - 1}", f"1{'0' * (count - 1)}.0") for count in (4299, 4300, 4301, 5000)]

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def respelled(value: Any, chance: random.Random) -> str:
    """Return a value in a random spelling."""
    blank = chance.choice(["", " ", "\n\t"])
    match value:
        case dict():
            items = list(value.items())
            chance.shuffle(items)
            spelled = ("," + blank).join(f"{respelled(k, chance)}{blank}:{respelled(v, chance)}" for k, v in items)
            return f"{{{blank}{spelled}{blank}}}"
        case list():
            return f"[{blank}{(blank + ',').join(respelled(each, chance) for each in value)}]"
        case str():
            units = value.encode("utf-16-be", "surrogatepass")
            escaped = "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
            return chance.choice([json.dumps(value), json.dumps(value, ensure_ascii=False), f'"{escaped}"'])
        case bool() | None:
            return json.dumps(value)
        case _:
            plain = format(Decimal(repr(value)), "f")
            whole = plain if "." in plain else f"{plain}.0"
            return chance.choice([json.dumps(value), plain, f"{whole}000", f"{whole}e0", f"{whole}E+00"])


@given(VALUES, st.randoms(use_true_random=False))
def test_every_spelling_of_a_value_is_written_in_the_same_way(value: Any, chance: random.Random) -> None:
    assert canonical(respelled(value, chance)) == canonical(json.dumps(value))


@given(VALUES, VALUES)
def test_different_values_are_written_differently(one: Any, other: Any) -> None:
    # Compare as text, because 1 and true are equal in Python, but not in JSON.
    same = json.dumps(_exact(one), sort_keys=True) == json.dumps(_exact(other), sort_keys=True)
    assert (canonical(json.dumps(one)) == canonical(json.dumps(other))) == same


def _exact(value: Any) -> Any:
    match value:
        case dict():
            return {key: _exact(each) for key, each in value.items()}
        case list():
            return [_exact(each) for each in value]
        case int() | float() if not isinstance(value, bool):
            return ["number", str(Fraction(Decimal(repr(value))))]
        case str():
            return ["text", value]
        case _:
            return value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
        ('{"a": [1]}', '{"a": 1}'),
        ('{"": "1e0"}', "1"),
        ('{"": "5e-1"}', "0.5"),
        ('{"": [{"a": [1, 2]}]}', '{"a": 1, "a": 2}'),
        ('{"": [{"": [1]}]}', '{"": 1}'),
        ('"1"', "1"),
        ("[1, 2]", "[2, 1]"),
        ('{"PIN": "0012"}', '{"PIN": "12"}'),
        ('{"PIN": null}', "{}"),
        ("1e400", "1e401"),
        ("0.1", "0.10000000000000001"),
        (f"{10**40}", f"{10**40 + 1}"),
    ],
)
def test_values_that_a_reader_may_distinguish_are_written_differently(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "same",
    [
        ("1", "1.0", "1.00", "1e0", "10E-1", "0.1e1", "100e-2"),
        ("0", "-0", "0.00", "0e7"),
        ("120", "1.2e2", "12E+1"),
        *LONG,
    ],
)
def test_the_same_number_has_one_spelling(same: tuple[str, ...]) -> None:
    assert len({canonical(f'{{"n": {each}}}') for each in same}) == 1


@pytest.mark.parametrize("text", ["1e" + "9" * 200_000, "9" * 200_000, '"' + "\\" * 200_000, "1e-999999999", "[1, 2"])
def test_hostile_texts_are_written_quickly(text: str) -> None:
    assert canonical(text)


def test_a_text_that_nests_too_deeply_is_returned_unchanged_at_any_call_depth() -> None:
    deep = "[" * (MOST_NESTED + 1) + "1.0" + "]" * (MOST_NESTED + 1)
    assert canonical(deep) == deep
    allowed = deep[1:-1]
    assert canonical(allowed) == canonical(allowed.replace("1.0", "1")) != allowed
    assert canonical("[" * 100_000) == "[" * 100_000
    assert canonical("[" + ",".join(["[]"] * 500) + ",1.0]") != canonical("[" + ",".join(["[]"] * 500) + ",2]")
