"""JSON read and written without a float in between, so that money keeps its cents."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

# Beyond this many digits before or after the point, writing a number out in full would be an attack on memory.
_WRITTEN_OUT = 30


def read(text: str) -> object:
    """Numbers with a point or an exponent become Decimals.

    Stricter than Python's own: NaN and Infinity are no JSON. Raises ValueError or RecursionError.
    """
    value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_decimal)
    return value


def write(value: object) -> str:
    """Decimals become numbers with one decimal at least (5.0, 19.99). Raises TypeError for what JSON has not."""
    if isinstance(value, Decimal):
        return _spelled(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError(f"The number {text[:40]} is too large.") from None


def _spelled(number: Decimal) -> str:
    if not number.is_finite():
        raise TypeError("JSON has no such number.")
    if abs(number.adjusted()) > _WRITTEN_OUT:
        return str(number)
    whole, _, decimals = format(number, "f").partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON.")
