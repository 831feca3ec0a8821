"""Computes percentages and proportional shares of amounts, as Decimals in whole cents."""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
HUNDRED = Decimal(100)
MONEY_LIMIT = Decimal(10) ** 11  # amounts have the type decimal(13,2), so each is below this limit


def per_cent(percent: Decimal, amount: Decimal) -> Decimal:
    """Return a percentage of an amount, rounded to the cent; half a cent is rounded away from zero."""
    return (amount * percent / HUNDRED).quantize(CENT, ROUND_HALF_UP)


def spread(amount: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """Divide `amount` in proportion to `weights`. The shares are whole cents and add up to exactly `amount`.

    No weight may be negative, and at least one must be above zero.
    """
    whole = sum(weights, ZERO)
    exact = [amount * weight / whole for weight in weights]
    shares = [each.quantize(CENT, ROUND_FLOOR) for each in exact]
    missing = int((amount - sum(shares, ZERO)) / CENT)
    by_rest = sorted(range(len(weights)), key=lambda index: shares[index] - exact[index])
    for index in by_rest[:missing]:
        shares[index] += CENT
    return shares
