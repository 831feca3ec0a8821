"""JSON whose numbers are exact: a number with a point is read as Decimal, and a Decimal is written as a number."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel


def read(text: bytes | str) -> Any:
    return json.loads(text, parse_float=Decimal)


def write(value: object) -> str:
    """Return the value as JSON; a model is written with the fields that were set."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number in JSON")
        return format(value, "f")
    if isinstance(value, BaseModel):
        return write(value.model_dump(exclude_unset=True))
    if isinstance(value, datetime):
        return json.dumps(value.isoformat())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {write(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(write, value)) + "]"
    return json.dumps(value, allow_nan=False)
