"""JSON read and written without a float in between, so that money keeps its cents."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

# Beyond this many digits before or after the point, writing a number out in full would be an attack on memory.
_WRITTEN_OUT = 30
_COMPUTED = 4300  # digits of an integer that Python computes
MOST_NESTED = 100  # levels; how deep Python itself can read and write depends on its version
TOO_DEEP = "the JSON nests too deeply"


@dataclass(frozen=True)
class Spelled:
    """A number that is kept as it is spelled, because it is too large to be computed."""

    text: str


def read(text: str) -> object:
    """Numbers with a point or an exponent, and whole ones of many digits, become Decimals.

    One whose exponent no Decimal holds becomes a Spelled. Stricter than Python's own: NaN and Infinity are no JSON.
    Raises ValueError, also for what nests more than 100 levels deep.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_decimal, parse_int=_whole)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    _refuse_depth(value)
    return value


def write(value: object) -> str:
    """Decimals become numbers with one decimal at least (5.0, 19.99). Raises TypeError for what JSON has not."""
    if isinstance(value, Spelled):
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


def _decimal(text: str) -> Decimal | Spelled:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Spelled(text)


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
