"""Computes an order's taxes: divides adjustments exactly among the tax rates, and rounds the tax of each rate once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from integrations.simulator.catalogue import TaxRate
from integrations.simulator.money import CENT, HUNDRED, ZERO, spread


@dataclass(frozen=True, kw_only=True)
class Tax:
    """`rate` is in per cent."""

    name: str
    amount: Decimal
    rate: Decimal
    is_add_on: bool


def taxes_of(amounts: Iterable[tuple[TaxRate | None, Decimal]], *, adjustment: Decimal) -> tuple[Tax, ...]:
    """Return one tax for each rate, in the order of `amounts`. `adjustment` is the sum of the order's adjustments."""
    totals: dict[TaxRate | None, Decimal] = {}
    for rate, amount in amounts:
        totals[rate] = totals.get(rate, ZERO) + amount
    bases = _adjusted(totals, adjustment)
    return tuple(_tax(rate, base) for rate, base in bases.items() if rate is not None)


def _adjusted(totals: Mapping[TaxRate | None, Decimal], adjustment: Decimal) -> dict[TaxRate | None, Decimal]:
    """Return the totals with the adjustment spread over them in proportion. If all totals are 0, they do not change."""
    if adjustment == 0 or not any(totals.values()):
        return dict(totals)
    shares = spread(adjustment, list(totals.values()))
    return {rate: total + share for (rate, total), share in zip(totals.items(), shares, strict=True)}


def _tax(rate: TaxRate, base: Decimal) -> Tax:
    amount = (base * rate.percent / _divisor(rate)).quantize(CENT, ROUND_HALF_UP)
    return Tax(name=rate.name, amount=amount, rate=rate.percent, is_add_on=rate.is_add_on)


def _divisor(rate: TaxRate) -> Decimal:
    """Return the divisor in the formula for the tax: base times percentage, divided by this number.

    An add-on tax is a percentage of the base. An included tax is already part of the base: a tax of 20 % is one
    sixth of it.
    """
    return HUNDRED if rate.is_add_on else HUNDRED + rate.percent
