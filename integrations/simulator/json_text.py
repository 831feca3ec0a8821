"""JSON read and written without a float in between, so that money keeps its cents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

# Beyond this many digits before or after the point, writing a number out in full would be an attack on memory.
_WRITTEN_OUT = 30
_COMPUTED = 4300  # digits of an integer that Python computes


@dataclass(frozen=True)
class Spelled:
    """A number that is kept as it is spelled, because it is too large to be computed."""

    text: str


def read(text: str) -> object:
    """Numbers with a point or an exponent, and whole ones of many digits, become Decimals.

    One whose exponent no Decimal holds becomes a Spelled. Stricter than Python's own: NaN and Infinity are no JSON.
    Raises ValueError or RecursionError.
    """
    value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_decimal, parse_int=_whole)
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


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON.")
