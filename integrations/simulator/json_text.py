"""Reads and writes JSON without floats, to keep amounts exact."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

# A number with more digits than this before or after the point is written with an exponent, to limit memory.
_WRITTEN_OUT = 30
_COMPUTED = 4300  # Python's limit for the digits of an integer
MOST_NESTED = 100  # levels; Python's own limit depends on its version
TOO_DEEP = "the JSON nests too deeply"


@dataclass(frozen=True)
class HugeNumber:
    """A number that is kept as text, because its exponent is too large for a Decimal."""

    text: str


def read(text: str) -> object:
    """Parse JSON. Numbers with a point or an exponent, and integers of very many digits, become Decimals.

    A number whose exponent is too large for a Decimal becomes a HugeNumber. NaN and Infinity are refused, unlike in
    Python's own parser. Raises ValueError, also if the value is nested more than 100 levels deep.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_decimal, parse_int=_whole)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    _refuse_depth(value)
    return value


def write(value: object) -> str:
    """Return JSON. A Decimal becomes a number with at least one decimal place (5.0, 19.99).

    Raises TypeError for a type that JSON does not have.
    """
    if isinstance(value, HugeNumber):
        return value.text
    if isinstance(value, Decimal):
        return _spelled(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _COMPUTED else Decimal(text)


def _decimal(text: str) -> Decimal | HugeNumber:
    try:
        return Decimal(text)
    except ArithmeticError:
        return HugeNumber(text)


def _spelled(number: Decimal) -> str:
    if not number.is_finite():
        raise TypeError("JSON has no such number.")
    if abs(number.adjusted()) > _WRITTEN_OUT:
        return str(number)
    whole, _, decimals = format(number, "f").partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [item for each in level if isinstance(each, dict | list) for item in _items(each)]
        if not level:
            return
    raise ValueError(TOO_DEEP)


def _items(value: dict[str, object] | list[object]) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON.")
