"""The till calculates amounts to the cent, for arbitrary numbers."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.simulator import json_text
from integrations.simulator.catalogue import TaxRate
from integrations.simulator.example import BAG, BREAD, MANAGER, SOUP, example_till
from integrations.simulator.money import spread
from integrations.simulator.payload_fields import Fields, MalformedPayloadError
from integrations.simulator.taxes import taxes_of
from tests.simulator.orders import new_order, payment, provider_line

# Arbitrary amounts and tax rates
cents = st.integers(0, 10**8).map(lambda number: Decimal(number) / 100)
rates = st.sampled_from([None, SOUP.tax, BREAD.tax, BAG.tax, TaxRate(name="Odd", percent=Decimal("7.77"))])


@given(st.lists(st.tuples(rates, cents), max_size=8))
def test_each_tax_is_within_half_a_cent_of_the_exact_one(amounts: list[tuple[TaxRate | None, Decimal]]) -> None:
    for tax in taxes_of(amounts, adjustment=Decimal(0)):
        base = sum(Fraction(amount) for rate, amount in amounts if rate and rate.name == tax.name)
        exact = base * Fraction(tax.rate) / (100 if tax.is_add_on else 100 + Fraction(tax.rate))
        assert abs(Fraction(tax.amount) - exact) <= Fraction(1, 200)
        assert tax.amount == tax.amount.quantize(Decimal("0.01"))


@given(st.lists(st.tuples(rates, cents), max_size=8))
def test_a_full_discount_leaves_nothing_to_tax(amounts: list[tuple[TaxRate | None, Decimal]]) -> None:
    whole = sum((amount for _rate, amount in amounts), Decimal(0))
    assert all(tax.amount == 0 for tax in taxes_of(amounts, adjustment=-whole))


@given(cents, st.lists(cents, min_size=1).filter(any), st.sampled_from([1, -1]))
def test_shares_add_up_to_the_amount_and_are_within_a_cent_of_the_proportion(
    amount: Decimal, weights: list[Decimal], sign: int
) -> None:
    shares = spread(sign * amount, weights)
    assert sum(shares) == sign * amount
    exact = [sign * amount * weight / sum(weights) for weight in weights]
    assert all(abs(share - wanted) < Decimal("0.0101") for share, wanted in zip(shares, exact, strict=True))


@given(st.lists(st.tuples(cents, st.integers(1, 50)), min_size=1, max_size=6), cents, st.data())
def test_the_amount_owing_is_always_amount_less_payments_plus_service_charge(
    sold: list[tuple[Decimal, int]], charge: Decimal, data: st.DataObject
) -> None:
    till = example_till()
    lines = [provider_line(str(price), quantity) for price, quantity in sold]
    order = till.create_order(MANAGER, new_order(*lines, use_provider_prices=True, service_charge=charge))
    assert order.amount == sum(price * quantity for price, quantity in sold)
    while not order.is_closed:
        part = data.draw(st.integers(0, int(order.amount_owing * 100))) if len(order.payments) < 3 else None
        paid = order.amount_owing if part is None else Decimal(part) / 100
        before = order.amount_owing
        order, _booked = till.create_payment(order.sales_transaction_id, payment(str(paid)))
        assert order.amount_owing == before - paid
        assert order.sale_owing >= 0
        assert order.remaining_service_charge >= 0
    assert sum(each.amount_sale + (each.service_charge or 0) for each in order.payments) == order.amount + charge


@given(st.integers(-(10**13) + 1, 10**13 - 1))
def test_every_amount_is_written_and_read_exactly(number: int) -> None:
    amount = Decimal(number) / 100
    written = json_text.write({"Amount": amount})
    assert json.loads(written, parse_float=str)["Amount"].partition(".")[2] != ""
    read = json_text.read(written)
    assert isinstance(read, dict)
    assert Fields(read, method="X").money("amount", may_be_negative=True) == amount


@pytest.mark.parametrize("written", ["1.005", "1e-999999999", "1e999999999", "100000000000", "-0.01", "true", '"5"'])
def test_an_invalid_amount_is_refused_with_the_name_of_its_field(written: str) -> None:
    read = json_text.read(f'{{"AmountTip": {written}}}')
    assert isinstance(read, dict)
    with pytest.raises(MalformedPayloadError, match=r"CreateOrder needs .* AmountTip in its payload"):
        Fields(read, method="CreateOrder").find_money("AmountTip")


@pytest.mark.parametrize(("number", "written"), [("1e400", "1E+400"), ("1.50", "1.5"), ("-0.00", "-0.0"), ("7", "7.0")])
def test_a_number_of_any_size_is_written_briefly(number: str, written: str) -> None:
    assert json_text.write(Decimal(number)) == written


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("Infinity")])
def test_an_invalid_number_is_never_written(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        json_text.write(value)
