"""The simulator's till: prices, taxes, payments and stock to the cent, refusals, and that requests execute once."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.simulator import json_text, load_till, messages, refusals
from integrations.simulator.catalogue import TaxRate
from integrations.simulator.desk import Desk
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
    TABLES,
    TABS,
    example_till,
)
from integrations.simulator.fields import Fields, MalformedPayloadError
from integrations.simulator.memory import CHANGES_KEPT, EXECUTED_KEPT, READS_KEPT, Memory
from integrations.simulator.message_numbers import WrongNumbersError, names_by_number, numbers_from_texts
from integrations.simulator.misbehaviour import Behaviour, Fault, Plan, WrongPlanError
from integrations.simulator.money import spread
from integrations.simulator.orders import Adjustment, ChildLine, Line, Lock, Order, Payment
from integrations.simulator.snapshot import Snapshots, WrongTillError, till_from_text
from integrations.simulator.taxes import taxes_of
from integrations.simulator.till import Addition, NewOrder, Till

MESSAGE = 2


def line(article: str = "101", quantity: int = 1, **changes: Any) -> Line:
    return replace(Line(name=f"product {article}", quantity=quantity, plu_identifier=article), **changes)


def provider_line(price: str, quantity: int = 1) -> Line:
    money = Decimal(price)
    return line(quantity=quantity, price=money, total=money * quantity)


def new_order(*lines: Line, **changes: Any) -> NewOrder:
    return replace(NewOrder(service_mode_id=TABLES.service_mode_id, table="5", lines=lines), **changes)


def adjustment(amount: str) -> Adjustment:
    return Adjustment(name="Voucher", amount=Decimal(amount))


def payment(amount: str, service_charge: str | None = None) -> Payment:
    explicit = None if service_charge is None else Decimal(service_charge)
    return Payment(name="visa", amount_sale=Decimal(amount), service_charge=explicit)


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
    with pytest.raises(refusals.WrongAmount, match=r"3 times 1\.00 is not 3\.01"):
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
        (new_order(line("999")), refusals.UnknownProduct),
        (new_order(line(plu_identifier=None)), refusals.UnknownProduct),
        (new_order(line(modifier_identifier="XXL")), refusals.UnknownProduct),
        (new_order(table="41"), refusals.UnknownTable),
        (new_order(table=""), refusals.UnknownTable),
        (new_order(service_mode_id=SOUP.plu_id), refusals.UnknownServiceMode),
        (new_order(adjustments=(replace(adjustment("1"), adjustment_id=SOUP.plu_id),)), refusals.UnknownAdjustment),
    ],
)
def test_unknown_ids_are_refused_and_change_nothing(unknown: NewOrder, refusal: type[refusals.TillRefusal]) -> None:
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
    with pytest.raises(refusals.WrongAmount):
        created(line(), adjustments=(adjustment("-5.01"),))
    with pytest.raises(refusals.WrongAmount):
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
    with pytest.raises(refusals.WrongAmount, match=r"1\.50 is already paid"):
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
    with pytest.raises(refusals.UnknownOrder):
        till.update_order(Addition(sales_transaction_id=SOUP.plu_id))
    with pytest.raises(refusals.OrderInUse, match="terminal T2"):
        till.create_payment(locked.sales_transaction_id, payment("1.00"))
    with pytest.raises(refusals.OrderClosed):
        till.update_order(Addition(sales_transaction_id=till.orders[1].sales_transaction_id))


# Stock


def test_stock_is_taken_and_missing_articles_are_named_with_nothing_taken() -> None:
    till = example_till()
    till.create_order(MANAGER, new_order(line("104", 4)))
    with pytest.raises(refusals.InsufficientStock) as caught:
        till.create_order(MANAGER, new_order(line("101"), line("104", 2), line("104", 1, name="one too many")))
    assert [each.name for each in caught.value.lines] == ["one too many"]
    assert till.stock.units("104") == 2
    assert till.stock.units(SOUP.plu_id) is None


def test_stock_counts_for_children_updates_and_simulations_but_not_for_training() -> None:
    till = example_till()
    oysters = ChildLine(name="Oysters", quantity=7, plu_identifier=OYSTERS.plu_id)
    too_many = new_order(line(children=(oysters,)))
    with pytest.raises(refusals.InsufficientStock):
        till.simulate_order(MANAGER, too_many)
    with pytest.raises(refusals.InsufficientStock):
        till.update_order(Addition(sales_transaction_id=till.orders[0].sales_transaction_id, lines=(line("104", 7),)))
    till.create_order(MANAGER, replace(too_many, is_training=True))
    assert till.stock.units("104") == OYSTERS.stock


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
    with pytest.raises(refusals.WrongAmount, match=r"more than the 5\.00"):
        till.create_payment(till.orders[0].sales_transaction_id, payment(amount, service_charge))
    assert till.payments == []


def test_tips_and_surcharges_pay_nothing_of_the_order() -> None:
    till = example_till()
    tipped = replace(payment("4.00"), amount_tip=Decimal("1.00"), amount_surcharge=Decimal("0.50"))
    order, _booked = till.create_payment(till.orders[0].sales_transaction_id, tipped)
    assert order.amount_owing == Decimal("1.00")


# Amounts, for arbitrary numbers

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
def test_an_external_number_is_written_in_limited_length(number: str, written: str) -> None:
    assert json_text.write(Decimal(number)) == written


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("Infinity")])
def test_an_invalid_number_is_never_written(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        json_text.write(value)


# Executed once


def request(request_id: str | None, method: str = "CreateOrder", **payload: object) -> messages.Request:
    whole = {"ProviderOrderID": "p-1", "ServiceModeID": TABLES.service_mode_id, "ServiceModeEntityID": "5"} | payload
    number = {name: number for number, name in names_by_number().items()}[method]
    return messages.read_request(
        json.dumps({"RequestID": request_id, "UserIdentifier": MANAGER.pin, "MessageType": number, "Payload": whole})
    )


def test_a_repeated_request_gets_the_first_answer_and_is_not_executed_again() -> None:
    desk = Desk(example_till())
    first = desk.reply(request("r-1"))
    again = desk.reply(request("r-1"))
    assert (again.text, again.answer) == (first.text, None)
    assert len(desk.till.orders) == 4
    assert desk.till.executed == ["r-1"]


@pytest.mark.parametrize("request_id", [None, ""])
def test_a_request_without_an_id_is_executed_each_time(request_id: str | None) -> None:
    desk = Desk(example_till())
    desk.reply(request(request_id))
    desk.reply(request(request_id))
    assert (len(desk.till.orders), desk.till.executed) == (5, [])


def test_the_memory_is_limited_and_reads_do_not_displace_changes() -> None:
    memory = Memory()
    memory.keep("change", "kept", is_change=True)
    for number in range(EXECUTED_KEPT + 1):
        memory.keep(f"read {number}", "text", is_change=False)
    assert (len(memory.reads), len(memory.executed), memory.find("read 0")) == (READS_KEPT, EXECUTED_KEPT, None)
    assert memory.find("change") == "kept"
    for number in range(CHANGES_KEPT):
        memory.keep(f"change {number}", "text", is_change=True)
    assert (len(memory.changes), memory.find("change")) == (CHANGES_KEPT, None)


# Saved


def test_a_loaded_till_has_the_saved_orders_stock_and_answers(tmp_path: Path) -> None:
    desk = Desk(example_till(), till_file=tmp_path / "tills" / "till.json")
    product = {"ProductType": 0, "Name": "Oysters", "Quantity": 2, "PLUIdentifier": "104"}
    first = desk.reply(request("r-1", Products=[product], Notes=[{"Value": 1.5}], Covers=9))
    loaded = load_till(tmp_path / "tills" / "till.json")
    assert loaded.orders == desk.till.orders
    assert (loaded.catalogue, loaded.executed, loaded.stock.units("104")) == (CATALOGUE, ["r-1"], 4)
    reopened = Desk(example_till(), till_file=tmp_path / "tills" / "till.json")
    assert reopened.reply(request("r-1")).text == first.text
    assert reopened.till.create_order(MANAGER, new_order()).order_number == "S1000005"
    assert sorted(path.name for path in (tmp_path / "tills").iterdir()) == ["till.json"]


def test_a_changed_till_is_saved_with_its_changes() -> None:
    till, snapshots = example_till(), Snapshots()
    snapshots.text(till)
    till.create_payment(till.orders[0].sales_transaction_id, payment("5.00"))
    assert till_from_text(snapshots.text(till)).orders == till.orders


def test_a_till_written_by_hand_may_omit_fields_with_a_default() -> None:
    user = {"user_id": "u", "name": "Jo", "pin": "1"}
    till = till_from_text(json.dumps({"version": 1, "catalogue": {"users": [user]}}))
    assert (till.catalogue.users[0].can_make_payments, till.orders) == (True, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "catalogue": {}}',
        '{"version": 1, "catalogue": {"users": [{"name": "Jo"}]}}',
        '{"version": 1, "catalogue": {"users": {}}}',
        '{"version": 1, "catalogue": {"currency": "GBP"}}',
        '{"version": 1, "catalogue": {}, "stock": {"a": true}}',
        '{"version": 1, "catalogue": {}, "answers": []}',
    ],
)
def test_an_invalid_till_is_refused(text: str) -> None:
    with pytest.raises(WrongTillError, match="This is not a saved till"):
        till_from_text(text)


# Numbers and plans


def test_message_numbers_can_be_overridden_by_name() -> None:
    names = names_by_number(numbers_from_texts(["CreateOrder=3", "CreatePayment=2"]))
    assert (names[3], names[2], names[12]) == ("CreateOrder", "CreatePayment", "UpdateOrder")


@pytest.mark.parametrize("text", ["CreateOrder", "CreateOrder=-1", "Dance=3", "CreateOrder=0"])
def test_invalid_message_numbers_are_refused(text: str) -> None:
    with pytest.raises(WrongNumbersError):
        names_by_number(numbers_from_texts([text]))


@settings(max_examples=20)
@given(st.integers(), st.text(max_size=5))
def test_the_same_seed_misbehaves_in_the_same_way(seed: int, name: str) -> None:
    plan = Plan.from_texts(delay="0:3", misbehave="twice=0.4, never=0.4", seed=seed)
    one, other = Behaviour(plan, name=name), Behaviour(plan, name=name)
    assert [one.next_fault() for _ in range(20)] == [other.next_fault() for _ in range(20)]
    assert one.delay(None) == other.delay(None)


def test_each_pos_of_a_plan_misbehaves_differently() -> None:
    plan = Plan.from_texts(misbehave="twice=0.5")
    behaviours = [Behaviour(plan, name=str(name)) for name in range(5)]
    drawn = {tuple(behaviour.next_fault() for _ in range(50)) for behaviour in behaviours}
    assert len(drawn) == 5


def test_faults_are_about_as_frequent_as_planned() -> None:
    behaviour = Behaviour(Plan.from_texts(misbehave="drop-before=0.05,garbage=0.2"), name="x")
    faults = [behaviour.next_fault() for _ in range(10_000)]
    assert 400 < faults.count(Fault.DROP_BEFORE) < 600
    assert 1800 < faults.count(Fault.GARBAGE) < 2200


def test_a_script_comes_before_the_chances() -> None:
    behaviour = Behaviour(Plan(script=[None, Fault.NEVER], chances={Fault.TWICE: 1.0}), name="x")
    assert [behaviour.next_fault() for _ in range(3)] == [None, Fault.NEVER, Fault.TWICE]


def test_a_delay_applies_to_all_answers_unless_the_plan_has_late_ones() -> None:
    assert Behaviour(Plan.from_texts(delay="2"), name="x").delay(None) == 2
    some_late = Behaviour(Plan.from_texts(delay="2", misbehave="late=0.5"), name="x")
    assert (some_late.delay(None), some_late.delay(Fault.LATE)) == (0, 2)


@pytest.mark.parametrize(
    ("delay", "misbehave"),
    [
        ("x", None),
        ("-1:1", None),
        ("2:1", None),
        ("nan:nan", None),
        ("inf", None),
        (None, "sulk=1"),
        (None, "twice"),
        (None, "twice=2"),
    ],
)
def test_an_invalid_plan_is_refused(delay: str | None, misbehave: str | None) -> None:
    with pytest.raises(WrongPlanError):
        Plan.from_texts(delay=delay, misbehave=misbehave)
