"""Sets or checks the prices of an order's lines, and computes adjustments and the service charge. Does no I/O."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from integrations.simulator.catalogue import Catalogue, Modifier, TaxRate
from integrations.simulator.money import MONEY_LIMIT, ZERO, per_cent
from integrations.simulator.orders import Adjustment, ChildLine, Line, Order
from integrations.simulator.till_refusals import UnknownAdjustment, UnknownProduct, WrongAmount

AnyLine = TypeVar("AnyLine", bound=ChildLine)

ORDINARY_PRODUCT = 0


def priced(catalogue: Catalogue, lines: Iterable[Line], *, provider_prices: bool) -> tuple[Line, ...]:
    """Return the lines with prices and taxes. Raises UnknownProduct, UnknownAdjustment and WrongAmount."""
    return tuple(_priced_line(catalogue, line, provider_prices) for line in lines)


def known(catalogue: Catalogue, adjustments: Iterable[Adjustment]) -> tuple[Adjustment, ...]:
    """Return the adjustments, each with an AdjustmentID of the catalogue. Raises UnknownAdjustment.

    An adjustment without an AdjustmentID gets the till's fallback AdjustmentID, as documented.
    """
    return tuple(_known_adjustment(catalogue, each) for each in adjustments)


def automatic_adjustments(catalogue: Catalogue, amount: Decimal) -> tuple[Adjustment, ...]:
    """Return the adjustments that the till applies automatically to an order whose lines add up to `amount`."""
    return tuple(
        Adjustment(name=each.name, amount=per_cent(each.percent, amount), adjustment_id=each.adjustment_id)
        for each in catalogue.automatic_adjustments
        if amount >= each.from_amount
    )


def automatic_service_charge(catalogue: Catalogue, order: Order) -> Decimal:
    mode = catalogue.find_service_mode(order.service_mode_id)
    rule = mode.service_charge if mode else None
    if rule is None or order.covers < rule.from_covers:
        return ZERO
    return per_cent(rule.percent, order.amount)


def _priced_line(catalogue: Catalogue, line: Line, provider_prices: bool) -> Line:
    adjustment = _known_adjustment(catalogue, line.adjustment) if line.adjustment else None
    children = tuple(_priced_child(catalogue, child, provider_prices) for child in line.children)
    whole = replace(_priced_child(catalogue, line, provider_prices), children=children, adjustment=adjustment)
    if whole.own_amount < 0:
        raise WrongAmount(f"The discount on {line.name} is more than it costs.")
    return whole


def _priced_child(catalogue: Catalogue, line: AnyLine, provider_prices: bool) -> AnyLine:
    price, tax = _till_price(catalogue, line)
    if provider_prices:
        return _checked(replace(line, tax=tax))
    return _checked(replace(line, price=price, total=price * line.quantity, tax=tax))


def _till_price(catalogue: Catalogue, line: ChildLine) -> tuple[Decimal, TaxRate | None]:
    """Return the price and tax of a line.

    A line that has no PLU and is not an ordinary product is a message. Messages are free.
    """
    modifier = _find_modifier(catalogue, line)
    if line.plu_identifier is None and line.product_type != ORDINARY_PRODUCT:
        return ZERO, None
    article = catalogue.find_article(line.plu_identifier or "")
    if article is None:
        raise UnknownProduct(f"No product was found for {line.name} ({line.plu_identifier}).")
    return article.price + (modifier.price_change if modifier else ZERO), article.tax


def _find_modifier(catalogue: Catalogue, line: ChildLine) -> Modifier | None:
    if line.modifier_identifier is None:
        return None
    modifier = catalogue.find_modifier(line.modifier_identifier)
    if modifier is None:
        raise UnknownProduct(f"No modifier was found for {line.name} ({line.modifier_identifier}).")
    return modifier


def _checked(line: AnyLine) -> AnyLine:
    """Check a line's total exactly. PowerEPOS does not document a tolerance for a provider's totals."""
    if line.total != line.price * line.quantity:
        raise WrongAmount(f"{line.name}: {line.quantity} times {line.price} is not {line.total}.")
    if line.total >= MONEY_LIMIT:
        raise WrongAmount(f"The total of {line.name} exceeds the limit of an amount.")
    return line


def _known_adjustment(catalogue: Catalogue, adjustment: Adjustment) -> Adjustment:
    if adjustment.adjustment_id is None:
        return replace(adjustment, adjustment_id=catalogue.fallback_adjustment_id)
    if not catalogue.knows_adjustment(adjustment.adjustment_id):
        raise UnknownAdjustment(f"No adjustment was found for {adjustment.name} ({adjustment.adjustment_id}).")
    return adjustment
