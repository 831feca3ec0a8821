"""The simulator's till calculates prices, taxes and payments to the cent, counts stock, and refuses faulty requests."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.simulator import till_refusals
from integrations.simulator.example import (
    BAG,
    BREAD,
    BURGER,
    CATALOGUE,
    CHIPS,
    FEAST,
    LARGE,
    MANAGER,
    OYSTERS,
    SOUP,
    TABS,
    example_till,
)
from integrations.simulator.orders import ChildLine, Line, Lock, Order
from integrations.simulator.snapshot import Snapshots
from integrations.simulator.till import Addition, NewOrder, Till
from tests.simulator.orders import adjustment, line, new_order, payment, provider_line

MESSAGE = 2


def created(*lines: Line, **changes: Any) -> Order:
    return example_till().create_order(MANAGER, new_order(*lines, **changes))


# Prices


def test_without_provider_prices_the_till_prices_the_lines() -> None:
    order = created(line("102", 2, price=Decimal("1.00"), total=Decimal("9.00")))
    assert (order.lines[0].price, order.lines[0].total, order.amount) == (
        BURGER.price,
        Decimal("25.90"),
        Decimal("25.90"),
    )


def test_with_provider_prices_those_apply() -> None:
    assert created(provider_line("4.99", 3), use_provider_prices=True).amount == Decimal("14.97")


def test_with_payments_provider_prices_apply() -> None:
    order = created(provider_line("1.00"), payments=(payment("1.00"),))
    assert (order.amount, order.is_closed) == (Decimal("1.00"), True)


def test_provider_totals_must_be_quantity_times_price() -> None:
    wrong = line(quantity=3, price=Decimal("1.00"), total=Decimal("3.01"))
    with pytest.raises(till_refusals.WrongAmount, match=r"3 times 1\.00 is not 3\.01"):
        created(wrong, use_provider_prices=True)


@pytest.mark.parametrize("identifier", [SOUP.plu_number, SOUP.plu_id, SOUP.plu_id.upper()])
def test_a_product_is_found_by_the_number_or_the_guid_of_its_plu(identifier: str) -> None:
    assert created(line(identifier)).amount == SOUP.price


def test_a_modifier_changes_the_price() -> None:
    assert created(line(modifier_identifier="lge")).amount == SOUP.price + LARGE.price_change


def test_children_are_priced_and_counted_with_the_order() -> None:
    chips = ChildLine(name="Chips", quantity=2, plu_identifier=CHIPS.plu_id)
    assert created(line("102", children=(chips,))).amount == BURGER.price + 2 * CHIPS.price


def test_a_message_costs_nothing() -> None:
    message = ChildLine(product_type=MESSAGE, name="no onions")
    assert created(line(children=(message,))).amount == SOUP.price


@pytest.mark.parametrize(
    ("unknown", "refusal"),
    [
        (new_order(line("999")), till_refusals.UnknownProduct),
        (new_order(line(plu_identifier=None)), till_refusals.UnknownProduct),
        (new_order(line(modifier_identifier="XXL")), till_refusals.UnknownProduct),
        (new_order(table="41"), till_refusals.UnknownTable),
        (new_order(table=""), till_refusals.UnknownTable),
        (new_order(service_mode_id=SOUP.plu_id), till_refusals.UnknownServiceMode),
        (
            new_order(adjustments=(replace(adjustment("1"), adjustment_id=SOUP.plu_id),)),
            till_refusals.UnknownAdjustment,
        ),
    ],
)
def test_unknown_ids_are_refused_and_change_nothing(
    unknown: NewOrder, refusal: type[till_refusals.TillRefusal]
) -> None:
    till = example_till()
    before = Snapshots().text(till)
    with pytest.raises(refusal):
        till.create_order(MANAGER, unknown)
    assert Snapshots().text(till) == before


def test_a_service_mode_without_tables_accepts_any_number() -> None:
    order = created(line(), service_mode_id=TABS.service_mode_id, table="Jo")
    assert (order.service_mode_prefix, order.table) == ("TAB", "Jo")


# Taxes and adjustments


def test_an_included_tax_is_a_part_of_the_amount() -> None:
    order = created(line("101"), line("105"))
    assert [(tax.name, tax.amount) for tax in order.taxes] == [("VAT", Decimal("0.83")), ("Zero-rated", 0)]
    assert order.amount == SOUP.price + BREAD.price


def test_an_add_on_tax_is_added_to_the_amount() -> None:
    order = created(line("106", 3))
    assert (order.taxes[0].amount, order.amount) == (Decimal("0.15"), 3 * BAG.price + Decimal("0.15"))


def test_adjustments_lower_the_amount_and_its_taxes() -> None:
    order = created(line("101", 2), adjustments=(adjustment("-4.00"),))
    assert (order.amount, order.taxes[0].amount) == (Decimal("6.00"), Decimal("1.00"))


def test_an_adjustment_of_a_line_changes_the_orders_amount() -> None:
    assert created(line(adjustment=adjustment("-0.01"))).amount == Decimal("4.99")


def test_an_adjustment_without_an_id_gets_the_tills_fallback() -> None:
    order = created(line(), adjustments=(adjustment("-1.00"),))
    assert order.adjustments[0].adjustment_id == CATALOGUE.fallback_adjustment_id


def test_no_price_is_negative() -> None:
    with pytest.raises(till_refusals.WrongAmount):
        created(line(), adjustments=(adjustment("-5.01"),))
    with pytest.raises(till_refusals.WrongAmount):
        created(line(adjustment=adjustment("-5.01")), line())


def test_automatic_adjustments_are_simulated_on_request_and_nothing_is_kept() -> None:
    till = example_till()
    asked = new_order(line(quantity=30))
    plain = till.simulate_order(MANAGER, asked)
    helped = till.simulate_order(MANAGER, replace(asked, apply_automatic_adjustments=True))
    assert (plain.amount, helped.amount) == (Decimal("150.00"), Decimal("142.50"))
    assert [each.adjustment_id for each in helped.adjustments] == [FEAST.adjustment_id]
    assert len(till.orders) == len(example_till().orders)


# Service charge and covers


def test_the_automatic_service_charge_follows_covers_and_amount() -> None:
    till = example_till()
    order = till.create_order(MANAGER, new_order(line(quantity=10), covers=7))
    assert order.remaining_service_charge == 0
    order = till.update_order(Addition(sales_transaction_id=order.sales_transaction_id, covers=8))
    assert (order.covers, order.remaining_service_charge, order.amount_owing) == (8, Decimal("5.00"), Decimal("55.00"))
    order = till.update_order(Addition(sales_transaction_id=order.sales_transaction_id, lines=(line(),)))
    assert (order.covers, order.remaining_service_charge) == (8, Decimal("5.50"))


def test_an_explicit_service_charge_is_kept_even_if_it_is_zero() -> None:
    till = example_till()
    order = till.create_order(MANAGER, new_order(line(), covers=8, service_charge=Decimal("0.00")))
    order = till.update_order(Addition(sales_transaction_id=order.sales_transaction_id, lines=(line(),)))
    assert order.service_charge == 0


def test_a_service_charge_does_not_go_below_its_paid_part() -> None:
    till = example_till()
    order = till.create_order(MANAGER, new_order(line(), service_charge=Decimal("2.00")))
    till.create_payment(order.sales_transaction_id, payment("0.00", "1.50"))
    with pytest.raises(till_refusals.WrongAmount, match=r"1\.50 is already paid"):
        till.update_order(Addition(sales_transaction_id=order.sales_transaction_id, service_charge=Decimal("1.00")))


# Updating


def test_an_update_adds_lines_adjustments_and_notes() -> None:
    till = example_till()
    order = till.orders[0]
    updated = till.update_order(
        Addition(
            sales_transaction_id=order.sales_transaction_id,
            lines=(line("105", 2),),
            adjustments=(adjustment("-1.00"),),
            notes=({"Value": "7"},),
        )
    )
    assert (len(updated.lines), updated.amount, updated.notes) == (2, Decimal("6.70"), ({"Value": "7"},))
    assert till.orders[0] is updated


def test_an_unknown_a_closed_and_a_locked_order_cannot_be_changed() -> None:
    locked = replace(example_till().orders[0], lock=Lock(terminal="T2", user_name="Waiter"))
    till = Till(CATALOGUE, orders=[locked, replace(example_till().orders[1], is_closed=True)])
    with pytest.raises(till_refusals.UnknownOrder):
        till.update_order(Addition(sales_transaction_id=SOUP.plu_id))
    with pytest.raises(till_refusals.OrderInUse, match="terminal T2"):
        till.create_payment(locked.sales_transaction_id, payment("1.00"))
    with pytest.raises(till_refusals.OrderClosed):
        till.update_order(Addition(sales_transaction_id=till.orders[1].sales_transaction_id))


# Stock


def test_stock_is_taken_and_missing_articles_are_named_with_nothing_taken() -> None:
    till = example_till()
    till.create_order(MANAGER, new_order(line("104", 4)))
    with pytest.raises(till_refusals.InsufficientStock) as caught:
        till.create_order(MANAGER, new_order(line("101"), line("104", 2), line("104", 1, name="one too many")))
    assert [each.name for each in caught.value.lines] == ["one too many"]
    assert till.stock.left == {OYSTERS.plu_id: 2}


def test_stock_counts_for_children_updates_and_simulations_but_not_for_training() -> None:
    till = example_till()
    oysters = ChildLine(name="Oysters", quantity=7, plu_identifier=OYSTERS.plu_id)
    too_many = new_order(line(children=(oysters,)))
    with pytest.raises(till_refusals.InsufficientStock):
        till.simulate_order(MANAGER, too_many)
    with pytest.raises(till_refusals.InsufficientStock):
        till.update_order(Addition(sales_transaction_id=till.orders[0].sales_transaction_id, lines=(line("104", 7),)))
    till.create_order(MANAGER, replace(too_many, is_training=True))
    assert till.stock.left == {}


# Payments


def test_a_part_payment_leaves_the_order_open_and_the_rest_closes_it() -> None:
    till = example_till()
    order, part = till.create_payment(till.orders[1].sales_transaction_id, payment("19.99"))
    assert (order.amount_owing, order.is_closed, part.payment_id != "") == (Decimal("0.01"), False, True)
    order, _rest = till.create_payment(order.sales_transaction_id, payment("0.01"))
    assert (order.amount_owing, order.is_closed) == (Decimal(0), True)
    assert order not in till.open_orders()
    assert len(till.payments) == 2


def test_without_an_explicit_part_the_service_charge_is_paid_from_the_amount() -> None:
    till = example_till()
    order = till.create_order(MANAGER, new_order(line(), service_charge=Decimal("1.00")))
    order, booked = till.create_payment(order.sales_transaction_id, payment("6.00"))
    assert (booked.amount_sale, booked.service_charge, order.is_closed) == (Decimal("5.00"), Decimal("1.00"), True)


@pytest.mark.parametrize(("amount", "service_charge"), [("5.01", None), ("5.01", "0.00"), ("4.00", "0.01")])
def test_more_than_is_owing_is_refused(amount: str, service_charge: str | None) -> None:
    till = example_till()
    with pytest.raises(till_refusals.WrongAmount, match=r"more than the 5\.00"):
        till.create_payment(till.orders[0].sales_transaction_id, payment(amount, service_charge))
    assert till.payments == []


def test_tips_and_surcharges_pay_nothing_of_the_order() -> None:
    till = example_till()
    tipped = replace(payment("4.00"), amount_tip=Decimal("1.00"), amount_surcharge=Decimal("0.50"))
    order, _booked = till.create_payment(till.orders[0].sales_transaction_id, tipped)
    assert order.amount_owing == Decimal("1.00")
