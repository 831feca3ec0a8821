"""The till executes each request only once, even if the request is repeated after the till was saved and loaded."""

import json
from pathlib import Path

import pytest

from integrations.simulator import load_till
from integrations.simulator.desk import Desk
from integrations.simulator.example import CATALOGUE, MANAGER, OYSTERS, example_till
from integrations.simulator.memory import CHANGES_KEPT, EXECUTED_KEPT, READS_KEPT, Memory
from integrations.simulator.snapshot import Snapshots, WrongTillError, till_from_text
from tests.simulator.orders import new_order, payment, request


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


def test_a_loaded_till_has_the_saved_orders_stock_and_answers(tmp_path: Path) -> None:
    desk = Desk(example_till(), till_file=tmp_path / "tills" / "till.json")
    product = {"ProductType": 0, "Name": "Oysters", "Quantity": 2, "PLUIdentifier": "104"}
    first = desk.reply(request("r-1", Products=[product], Notes=[{"Value": 1.5}], Covers=9))
    loaded = load_till(tmp_path / "tills" / "till.json")
    assert loaded.orders == desk.till.orders
    assert (loaded.catalogue, loaded.executed, loaded.stock.left) == (CATALOGUE, ["r-1"], {OYSTERS.plu_id: 4})
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
