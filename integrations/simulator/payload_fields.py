"""Reads the fields of a payload by name in any letter case, and checks them against documented types and limits."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from integrations.simulator.money import CENT, MONEY_LIMIT

Value = TypeVar("Value")

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WHOLE_LIMIT = 1_000_000


class MalformedPayloadError(ValueError):
    """A field of the request's payload is missing or has a wrong type. The text names the field."""


class Fields:
    """The fields of one object. For a missing or null field, the `find_` methods return None.

    `text`, `guid`, `whole` and `money` raise MalformedPayloadError for such a field. Every method raises this error for
    a value of a wrong type or beyond its limit.
    """

    def __init__(self, values: Mapping[str, object] | None, *, method: str, place: str = "its payload") -> None:
        self._values = {key.casefold(): value for key, value in (values or {}).items()}
        self._method = method
        self._place = place

    def text(self, key: str, *, longest: int | None = None) -> str:
        value = self.find_text(key, longest=longest)
        return self._present(value, f"the text {key}")

    def find_text(self, key: str, *, longest: int | None = None) -> str | None:
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._malformed(f"the text {key}")
        if longest is not None and len(value) > longest:
            raise self._malformed(f"at most {longest} characters as {key}")
        return value

    def flag(self, key: str) -> bool:
        """Return a flag; a missing or null one is False."""
        value = self._value(key)
        if value is not None and not isinstance(value, bool):
            raise self._malformed(f"true or false as {key}")
        return bool(value)

    def guid(self, key: str) -> str:
        return self._present(self.find_guid(key), f"the GUID {key}")

    def find_guid(self, key: str) -> str | None:
        """Return a GUID in lower case."""
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _GUID.fullmatch(value.casefold()):
            raise self._malformed(f"the GUID {key}")
        return value.casefold()

    def whole(self, key: str, *, lowest: int) -> int:
        return self._present(self.find_whole(key, lowest=lowest), f"the whole number {key}")

    def find_whole(self, key: str, *, lowest: int) -> int | None:
        """Return a whole number below a million."""
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value < _WHOLE_LIMIT:
            raise self._malformed(f"a whole number from {lowest} as {key}")
        return value

    def money(self, key: str, *, may_be_negative: bool = False) -> Decimal:
        return self._present(self.find_money(key, may_be_negative=may_be_negative), f"the amount {key}")

    def find_money(self, key: str, *, may_be_negative: bool = False) -> Decimal | None:
        """Return an amount, padded to two decimals. Fractions of a cent are refused, because they cannot be paid."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self._malformed(f"an amount as {key}")
        if not -MONEY_LIMIT < value < MONEY_LIMIT or (value < 0 and not may_be_negative):
            raise self._malformed(f"an amount within its limits as {key}")
        return self._exact_to_the_cent(Decimal(value), key)

    def objects(self, key: str, *, is_required: bool = False) -> list["Fields"]:
        """Return the objects of a list; a missing or null list is empty, unless it is required."""
        value = self._value(key)
        if value is None and not is_required:
            return []
        if not isinstance(value, list):
            raise self._malformed(f"a list as {key}")
        return [self._inner(item, f"{key}[{index}]") for index, item in enumerate(value)]

    def find_object(self, key: str) -> "Fields | None":
        value = self._value(key)
        return None if value is None else self._inner(value, key)

    def raw_objects(self, key: str) -> list[dict[str, object]]:
        """Return the objects of a list as they were sent, with the original letter case of their keys."""
        self.objects(key)
        value = self._value(key)
        return value if isinstance(value, list) else []

    def _value(self, key: str) -> object:
        return self._values.get(key.casefold())

    def _present(self, value: Value | None, what: str) -> Value:
        if value is None:
            raise self._malformed(what)
        return value

    def _exact_to_the_cent(self, value: Decimal, key: str) -> Decimal:
        rounded = value.quantize(CENT)
        if rounded != value:
            raise self._malformed(f"at most two decimals in {key}")
        return rounded + 0  # turns -0.00 into 0.00

    def _inner(self, value: object, place: str) -> "Fields":
        if not isinstance(value, dict):
            raise self._malformed(f"an object as {place}")
        return Fields(value, method=self._method, place=f"{place} of {self._place}")

    def _malformed(self, what: str) -> MalformedPayloadError:
        return MalformedPayloadError(f"{self._method} needs {what} in {self._place}.")
