"""Converts a till to one JSON text and back: its set-up, stock, orders and remembered answers. Does no I/O."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from integrations.simulator import json_text
from integrations.simulator.catalogue import Catalogue
from integrations.simulator.memory import Memory
from integrations.simulator.money import CENT
from integrations.simulator.orders import Order
from integrations.simulator.till import Till

VERSION = 1


class WrongTillError(ValueError):
    """The text is not a saved till in the format of this module."""


class Snapshots:
    """Serialises one till repeatedly, and reuses the text of orders that did not change."""

    def __init__(self) -> None:
        self._catalogue: tuple[Catalogue, str] | None = None
        self._orders: dict[str, tuple[Order, str]] = {}

    def text(self, till: Till) -> str:
        parts = {
            "version": json_text.write(VERSION),
            "orders": "[" + ",\n".join(self._order_text(order) for order in till.orders) + "]",
            "executed": json_text.write(till.executed),
            "stock": json_text.write(till.stock.left),
            "catalogue": self._catalogue_text(till.catalogue),
            "answers": json_text.write({"changes": till.memory.changes, "reads": till.memory.reads}),
        }
        return "{" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "}\n"

    def _order_text(self, order: Order) -> str:
        known = self._orders.get(order.sales_transaction_id)
        if known is None or known[0] is not order:
            known = (order, json_text.write(_as_json_types(order)))
            self._orders[order.sales_transaction_id] = known
        return known[1]

    def _catalogue_text(self, catalogue: Catalogue) -> str:
        if self._catalogue is None or self._catalogue[0] is not catalogue:
            self._catalogue = (catalogue, json_text.write(_as_json_types(catalogue)))
        return self._catalogue[1]


def till_from_text(text: str) -> Till:
    """Return the till from a saved text, which may omit fields that have a default. Raises WrongTillError."""
    try:
        return _till(json_text.read(text))
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError) as error:
        raise WrongTillError(f"This is not a saved till ({type(error).__name__}: {error}).") from None


def _till(values: Any) -> Till:
    if values["version"] != VERSION:
        raise WrongTillError(f"its version is not {VERSION}")
    answers = values.get("answers", {})
    return Till(
        _built(Catalogue, values["catalogue"]),
        orders=_built(tuple[Order, ...], values.get("orders", [])),
        stock=_built(dict[str, int], values.get("stock", {})),
        memory=Memory(
            changes=_built(dict[str, str], answers.get("changes", {})),
            reads=_built(dict[str, str], answers.get("reads", {})),
            executed=_built(tuple[str, ...], values.get("executed", [])),
        ),
    )


def _as_json_types(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _as_json_types(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_as_json_types(item) for item in value]
    return value


def _built(kind: Any, value: Any) -> Any:
    """Convert `value` to the type of the annotation `kind`. Raises TypeError or KeyError if it does not match."""
    origin = get_origin(kind)
    if origin is UnionType:
        return None if value is None else _built(get_args(kind)[0], value)
    if origin is tuple:
        return tuple(_built(get_args(kind)[0], item) for item in _of(list, value))
    if origin is dict:
        return {key: _built(get_args(kind)[1], item) for key, item in _of(dict, value).items()}
    if is_dataclass(kind):
        return _built_object(kind, _of(dict, value))
    if kind is Decimal:
        return _of(Decimal, value).quantize(CENT)
    return _of(kind, value)


def _built_object(kind: Any, values: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    unknown = values.keys() - hints.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {min(unknown)}")
    return kind(**{name: _built(hints[name], value) for name, value in values.items()})


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r:.40} is not of type {kind.__name__}")
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
