"""The simulated till over the socket: every method in its documented format, and every fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import IsolatedAsyncioTestCase

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from integrations.simulator import (
    BackgroundPos,
    Credentials,
    Fault,
    Fleet,
    Plan,
    SimulatedPos,
    Timing,
    load_till,
    messages,
)
from integrations.simulator.example import CATALOGUE, CHIPS, MANAGER, TABLES, TRAINEE, VAT
from integrations.simulator.fleet import SUMMARY_SECONDS, till_file_name
from tests.support.simulator_portal import LIMIT, FakePortal, ask, within

ENVELOPE = {
    "ProviderID": 12345,
    "ProviderName": "Example Provider",
    "DeviceID": "DeviceABC123",
    "UserIdentifier": MANAGER.user_id,
}
NUMBERS = {"GetUserFromPIN": 0, "GetOpenOrders": 1, "UpdateOrder": 12}
NUMBERS |= {"CreateOrder": 10, "SimulateOrder": 11, "CreatePayment": 13}
ORDER = {
    "ProviderOrderID": "p-1",
    "ServiceModeID": TABLES.service_mode_id,
    "ServiceModeEntityID": "5",
    "UseProviderPrices": False,
}
SOUP_LINE: dict[str, Any] = {
    "ProductType": 0,
    "Name": "Soup",
    "Quantity": 1,
    "Price": 0,
    "TotalAmount": 0,
    "PLUIdentifier": "101",
}
PATIENCE = 0.03  # seconds until a request is repeated; a shorter time causes only more repetitions


def request(request_id: str, method: str = "CreateOrder", user: str | None = None, **payload: Any) -> dict[str, Any]:
    whole = ORDER | payload if method in ("CreateOrder", "SimulateOrder") else payload
    changes: dict[str, Any] = {} if user is None else {"UserIdentifier": user}
    return ENVELOPE | changes | {"RequestID": request_id, "MessageType": NUMBERS[method], "Payload": whole}


class Sleeps:
    """Pauses between two attempts take no time; all others last until the test ends them."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()

    @property
    def timing(self) -> Timing:
        return Timing(uniform=lambda _low, _high: 0.0, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        if seconds == 0:
            await asyncio.sleep(0)
            return
        end = asyncio.Event()
        await self.begun.put((seconds, end))
        await end.wait()

    async def next(self) -> tuple[float, asyncio.Event]:
        return await asyncio.wait_for(self.begun.get(), LIMIT)


class ConnectedTill(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.sleeps = Sleeps()
        self.portal = await self.enterAsyncContext(FakePortal())

    @asynccontextmanager
    async def connected_pos(self, **options: Any) -> AsyncIterator[tuple[SimulatedPos, ServerConnection]]:
        async with SimulatedPos(self.portal.credentials, timing=self.sleeps.timing, **options) as pos:
            socket = await self.portal.next_socket()
            await pos.wait_for_connections()
            yield pos, socket

    async def answer(self, method: str, user: str | None = None, **payload: Any) -> Any:
        async with self.connected_pos() as (_pos, socket):
            return await ask(socket, request("r-1", method, user, **payload))

    async def next_answer(self, socket: ServerConnection) -> Any:
        return json.loads(await within(socket.recv()))


class EveryMethod(ConnectedTill):
    async def test_a_created_order_is_answered_completely(self) -> None:
        chips = SOUP_LINE | {"Name": "Chips", "PLUIdentifier": CHIPS.plu_id, "ProviderProductID": "c-1"}
        burger = SOUP_LINE | {"Name": "Burger", "PLUIdentifier": "102", "Quantity": 2, "ChildProducts": [chips]}
        discount = {"Name": "Voucher", "Amount": -1.35, "ProviderAdjustmentID": "v-1"}
        async with self.connected_pos() as (pos, socket):
            products: dict[str, Any] = {
                "Products": [burger],
                "Adjustments": [discount],
                "Covers": 2,
                "Notes": [{"Value": "7"}],
            }
            answered = await ask(socket, request("r-1", **products))
            (kept,) = pos.till.orders[3:]
        assert answered == {
            "RequestID": "r-1",
            "ResultCode": 0,
            "ErrorMessage": None,
            "MessageType": 10,
            "Payload": {
                "Order": {
                    "SalesTransactionID": kept.sales_transaction_id,
                    "ServiceModePrefix": "TBL",
                    "ServiceModeEntityID": "5",
                    "OrderNumberOpened": "S1000004",
                    "CurrencyCode": "GBP",
                    "Amount": 28.0,
                    "AmountOwing": 28.0,
                    "IsClosed": False,
                    "RemainingServiceChargeAmount": 0.0,
                    "Covers": 2,
                    "Products": [
                        product("Burger", 2, 12.95, 25.9, "102")
                        | {
                            "ChildProducts": [
                                product("Chips", 1, 3.45, 3.45, CHIPS.plu_id) | {"ProviderProductID": "c-1"}
                            ],
                            "Adjustment": None,
                        }
                    ],
                    "Taxes": [{"Name": VAT.name, "Amount": 4.67, "TaxRate": 20.0, "IsAddOnTax": False}],
                    "OwnedBy_UserID": MANAGER.user_id,
                    "OwnedBy_UserName": "Manager",
                    "Payments": [],
                    "Adjustments": [
                        {
                            "Amount": -1.35,
                            "Name": "Voucher",
                            "ProviderAdjustmentID": "v-1",
                            "AdjustmentID": CATALOGUE.fallback_adjustment_id,
                        }
                    ],
                    "Notes": [{"Value": "7"}],
                },
                "OutOfStockProducts": None,
            },
        }

    async def test_an_order_that_comes_with_its_payment_is_closed_and_no_longer_open(self) -> None:
        paid: dict[str, Any] = {
            "Products": [SOUP_LINE | {"Price": 4.5, "TotalAmount": 4.5}],
            "Payments": [{"AmountSale": 4.5, "Name": "visa", "AmountTip": 0.5}],
        }
        async with self.connected_pos() as (_pos, socket):
            order = (await ask(socket, request("r-1", **paid)))["Payload"]["Order"]
            orders = await ask(socket, request("r-2", "GetOpenOrders", ServiceModeEntityID="5"))
        assert (order["Amount"], order["AmountOwing"], order["IsClosed"]) == (4.5, 0.0, True)
        assert order["Payments"] == [
            {
                "AmountSale": 4.5,
                "Name": "visa",
                "ProviderPaymentID": None,
                "AmountTip": 0.5,
                "AmountSurcharge": None,
                "ExplicitServiceChargeAmount": 0.0,
                "MerchantID": None,
                "TerminalID": None,
            }
        ]
        assert orders["Payload"]["Orders"] == []

    async def test_money_is_written_as_in_the_examples(self) -> None:
        async with self.connected_pos() as (_pos, socket):
            await socket.send(json.dumps(request("r-1", Products=[SOUP_LINE])))
            text = await within(socket.recv())
        assert '"Amount": 5.0, "AmountOwing": 5.0,' in text
        assert '"Price": 5.0, "TotalAmount": 5.0,' in text

    async def test_lines_without_stock_are_named_as_they_were_sent(self) -> None:
        oysters = SOUP_LINE | {"Name": "Oysters", "PLUIdentifier": "104", "Quantity": 7}
        answered = await self.answer("CreateOrder", Products=[SOUP_LINE, oysters | {"SalesModifierIdentifier": "lge"}])
        assert answered["ResultCode"] == messages.INSUFFICIENT_STOCK
        assert answered["ErrorMessage"] == "There is not enough stock for: Oysters"
        lacking = {"PLUIdentifier": "104", "Name": "Oysters", "SalesModifierIdentifier": "lge"}
        assert answered["Payload"] == {"Order": None, "OutOfStockProducts": [lacking]}

    async def test_a_simulated_order_is_answered_in_the_same_way_and_not_kept(self) -> None:
        async with self.connected_pos() as (pos, socket):
            answered = await ask(socket, request("r-1", "SimulateOrder", Products=[SOUP_LINE]))
            assert len(pos.till.orders) == 3
        order = answered["Payload"]["Order"]
        assert (order["Amount"], order["SalesTransactionID"]) == (5.0, "00000000-0000-0000-0000-000000000000")

    async def test_an_order_to_simulate_needs_products(self) -> None:
        answered = await self.answer("SimulateOrder")
        assert answered["ErrorMessage"] == "SimulateOrder needs a list as Products in its payload."

    async def test_an_update_is_answered_with_the_complete_order_and_replaces_covers(self) -> None:
        async with self.connected_pos() as (pos, socket):
            transaction = pos.till.orders[0].sales_transaction_id
            update = request(
                "r-1", "UpdateOrder", SalesTransactionID=transaction.upper(), Products=[SOUP_LINE], Covers=3
            )
            order = (await ask(socket, update))["Payload"]["Order"]
        assert (order["Amount"], order["Covers"], len(order["Products"])) == (10.0, 3, 2)

    async def test_a_payment_is_answered_with_its_id_and_the_orders_summary(self) -> None:
        async with self.connected_pos() as (pos, socket):
            order = pos.till.orders[0]
            money: dict[str, Any] = {"AmountSale": 2.01, "Name": "visa"}
            asked = request("r-1", "CreatePayment", SalesTransactionID=order.sales_transaction_id, Payment=money)
            answered = await ask(socket, asked)
            flat = request("r-2", "CreatePayment", SalesTransactionID=order.sales_transaction_id, **money)
            assert (await ask(socket, flat))["Payload"]["OrderSummary"]["AmountOwing"] == 0.98
            (first, _second) = pos.till.payments
        assert list(answered["Payload"]) == ["SalesTransactionPaymentID", "OrderSummary"]
        assert answered["Payload"]["SalesTransactionPaymentID"] == first.payment_id
        summary = answered["Payload"]["OrderSummary"]
        assert (summary["Amount"], summary["AmountOwing"]) == (5.0, 2.99)

    async def test_every_method_is_refused_to_unknown_users_and_to_those_without_permission(self) -> None:
        async with self.connected_pos() as (pos, socket):
            for method in NUMBERS.keys() - {"GetUserFromPIN"}:
                unknown = await ask(socket, request(f"{method} 1", method, "0000"))
                assert (unknown["ResultCode"], unknown["Payload"]) == (4, None)
                trainee = await ask(socket, request(f"{method} 2", method, TRAINEE.pin))
                assert trainee["ResultCode"] == messages.USER_NOT_PERMITTED
            assert (len(pos.till.orders), pos.till.payments) == (3, [])

    async def test_the_tills_refusals_have_a_code_and_one_sentence(self) -> None:
        answered = await self.answer("CreateOrder", ServiceModeEntityID="99")
        assert (answered["ResultCode"], answered["ErrorMessage"]) == (
            messages.UNKNOWN_TABLE,
            "Table service has no number '99'.",
        )

    async def test_numbers_without_documentation_can_be_overridden(self) -> None:
        async with self.connected_pos(message_numbers={"CreateOrder": 5}) as (_pos, socket):
            answered = await ask(socket, request("r-1") | {"MessageType": 5})
            assert (answered["ResultCode"], answered["MessageType"]) == (0, 5)
            assert (await ask(socket, request("r-2")))["ResultCode"] == messages.UNSUPPORTED_MESSAGE

    async def test_keys_are_read_in_any_letter_case_at_every_depth(self) -> None:
        lower = json.loads(json.dumps(request("r-1", Products=[SOUP_LINE])), object_hook=lower_keys)
        async with self.connected_pos() as (_pos, socket):
            assert (await ask(socket, lower))["Payload"]["Order"]["Amount"] == 5.0


def product(name: str, quantity: int, price: float, total: float, plu: str) -> dict[str, Any]:
    return {
        "ProductType": 0,
        "Name": name,
        "Quantity": quantity,
        "Price": price,
        "TotalAmount": total,
        "ProviderProductID": None,
        "PLUIdentifier": plu,
        "SalesModifierIdentifier": None,
        "SalesModifierName": None,
    }


def lower_keys(values: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in values.items()}


class WrongPayloads(ConnectedTill):
    async def test_a_missing_or_wrong_field_is_named_with_its_place(self) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"ProviderOrderID": None}, "the text ProviderOrderID in its payload"),
            ({"ServiceModeID": "5"}, "the GUID ServiceModeID in its payload"),
            ({"ServiceModeEntityID": "123456789"}, "at most 8 characters as ServiceModeEntityID"),
            ({"Products": {}}, "a list as Products in its payload"),
            ({"Products": [7]}, "an object as Products[0] in its payload"),
            ({"Products": [SOUP_LINE | {"Quantity": 1.5}]}, "a whole number from 1 as Quantity in Products[0] of"),
            ({"Products": [SOUP_LINE | {"Quantity": 0}]}, "a whole number from 1 as Quantity in Products[0] of"),
            ({"Products": [SOUP_LINE | {"Name": None}]}, "the text Name in Products[0] of its payload"),
            ({"Products": [SOUP_LINE | {"ChildProducts": [{}]}]}, "ProductType in ChildProducts[0] of Products[0]"),
            ({"Payments": [{"Name": "visa"}]}, "the amount AmountSale in Payments[0] of its payload"),
            ({"Adjustments": [{"Name": "x", "Amount": 1.001}]}, "at most two decimals in Amount in Adjustments[0]"),
            ({"Covers": -1}, "a whole number from 0 as Covers in its payload"),
            ({"UseProviderPrices": 1}, "true or false as UseProviderPrices in its payload"),
        ]
        async with self.connected_pos() as (pos, socket):
            for number, (changes, complaint) in enumerate(wrong):
                answered = await ask(socket, request(f"r-{number}", **changes))
                assert answered["ResultCode"] == messages.MALFORMED_PAYLOAD
                assert complaint in answered["ErrorMessage"]
            assert len(pos.till.orders) == 3


class Misbehaving(ConnectedTill):
    def script(self, *faults: Fault | None, **options: Any) -> Any:
        return self.connected_pos(plan=Plan(script=faults, **options))

    async def test_a_late_answer_does_not_delay_others(self) -> None:
        async with self.script(Fault.LATE, delay=(5.0, 7.0)) as (pos, socket):
            await socket.send(json.dumps(request("slow")))
            seconds, end = await self.sleeps.next()
            assert (await ask(socket, request("quick")))["RequestID"] == "quick"
            assert 5.0 <= seconds <= 7.0
            assert pos.till.executed == ["slow", "quick"]
            end.set()
            assert (await self.next_answer(socket))["RequestID"] == "slow"

    async def test_a_request_whose_answer_never_comes_was_executed_and_is_answered_when_repeated(self) -> None:
        async with self.script(Fault.NEVER) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            await pos.wait_until(lambda: pos.journal.executions == 1)
            answered = await ask(socket, request("r-1"))
            assert (answered["ResultCode"], len(pos.till.orders), pos.journal.answers) == (0, 4, 1)
            assert pos.journal.faults == {Fault.NEVER: 1}

    async def test_an_answer_may_come_twice_although_the_request_was_executed_once(self) -> None:
        async with self.script(Fault.TWICE) as (pos, socket):
            first = await ask(socket, request("r-1"))
            assert await self.next_answer(socket) == first
            assert (len(pos.till.orders), pos.journal.answers, pos.journal.executions) == (4, 2, 1)

    async def test_answers_may_come_out_of_order(self) -> None:
        async with self.script(Fault.OUT_OF_ORDER, Fault.OUT_OF_ORDER) as (_pos, socket):
            for request_id in ("1", "2"):
                await socket.send(json.dumps(request(request_id)))
                await self.sleeps.next()
            answered = [(await ask(socket, request("3")))["RequestID"]]
            answered += [(await self.next_answer(socket))["RequestID"] for _ in range(2)]
            assert answered == ["3", "2", "1"]

    async def test_an_answer_held_back_for_another_is_sent_after_a_time_limit(self) -> None:
        async with self.script(Fault.OUT_OF_ORDER) as (_pos, socket):
            await socket.send(json.dumps(request("1")))
            _seconds, end = await self.sleeps.next()
            end.set()
            assert (await self.next_answer(socket))["RequestID"] == "1"

    async def test_garbage_replaces_the_answer(self) -> None:
        async with self.script(*[Fault.GARBAGE] * 20) as (pos, socket):
            frames = set()
            for number in range(20):
                await socket.send(json.dumps(request(f"r-{number}")))
                frames.add(await within(socket.recv()))
            assert not [frame for frame in frames if is_an_answer(frame)]
            assert len(frames) > 5
            assert (len(pos.till.orders), pos.closures) == (23, [])

    async def test_a_link_dropped_before_has_executed_nothing(self) -> None:
        async with self.script(Fault.DROP_BEFORE) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1001)
            assert pos.till.executed == []
            assert (await ask(await self.portal.next_socket(), request("r-1")))["ResultCode"] == 0
            assert pos.till.executed == ["r-1"]

    async def test_a_link_dropped_after_has_executed_once_and_the_answer_comes_on_the_next(self) -> None:
        async with self.script(Fault.DROP_AFTER) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1001)
            assert pos.till.executed == ["r-1"]
            assert (await ask(await self.portal.next_socket(), request("r-1")))["ResultCode"] == 0
            assert (len(pos.till.orders), pos.till.executed) == (4, ["r-1"])

    async def test_a_pos_may_vanish_without_a_close_frame(self) -> None:
        async with self.script(Fault.VANISH) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1006)
            assert pos.till.executed == ["r-1"]
            await self.portal.next_socket()
            assert (await pos.wait_for_closures()).code == 1006

    async def test_requests_after_a_dropped_one_are_not_executed(self) -> None:
        async with self.script(Fault.DROP_BEFORE) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            await socket.send(json.dumps(request("r-2")))
            await self.portal.next_socket()
            assert pos.till.executed == []

    async def test_a_late_answer_is_lost_with_its_connection(self) -> None:
        async with self.script(Fault.LATE, delay=(5.0, 5.0)) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            _seconds, end = await self.sleeps.next()
            await socket.close()
            again = await self.portal.next_socket()
            end.set()
            assert (await ask(again, request("r-1")))["RequestID"] == "r-1"
            assert pos.journal.answers == 1

    async def test_a_request_that_is_repeated_until_answered_is_executed_once_whatever_fails(self) -> None:
        chances = dict.fromkeys(Fault, 0.1)
        async with self.connected_pos(plan=Plan(chances=chances, seed=7)) as (pos, first_socket):
            socket = first_socket
            for number in range(60):
                socket = await self.repeat_until_answered(socket, request(f"r-{number}", Products=[SOUP_LINE]))
            assert pos.till.executed == [f"r-{number}" for number in range(60)]
            assert len(pos.till.orders) == 63
            assert pos.journal.faults.keys() == set(Fault)

    async def repeat_until_answered(self, socket: ServerConnection, asked: dict[str, Any]) -> ServerConnection:
        while True:
            try:
                await socket.send(json.dumps(asked))
                await asyncio.wait_for(self.answer_to(socket, asked["RequestID"]), PATIENCE)
            except TimeoutError:
                continue
            except ConnectionClosed:
                socket = await self.portal.next_socket()
            else:
                return socket

    async def answer_to(self, socket: ServerConnection, request_id: str) -> None:
        async for frame in socket:
            if is_an_answer(frame) and json.loads(frame)["RequestID"] == request_id:
                return
        raise ConnectionClosedOK(None, None)

    async def assert_dropped(self, socket: ServerConnection, asked: dict[str, Any], *, close_code: int) -> None:
        await socket.send(json.dumps(asked))
        with pytest.raises(ConnectionClosed):
            await within(socket.recv())
        assert socket.close_code == close_code


def is_an_answer(frame: str | bytes) -> bool:
    try:
        decoded = json.loads(frame) if isinstance(frame, str) else None
    except ValueError:
        return False
    return isinstance(decoded, dict) and str(decoded["RequestID"]).startswith("r-")


class SavedTill(ConnectedTill):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    async def test_the_till_is_on_disk_before_the_answer_leaves(self) -> None:
        path = self.folder / "till.json"
        async with self.connected_pos(till_file=path) as (_pos, socket):
            assert load_till(path).executed == []
            for number in range(3):
                await ask(socket, request(f"r-{number}", ProviderOrderID=f"p-{number}"))
                assert load_till(path).executed[-1] == f"r-{number}"
        assert [order.provider_order_id for order in load_till(path).orders[3:]] == ["p-0", "p-1", "p-2"]

    async def test_a_request_that_cannot_be_saved_is_not_answered_and_ends_the_pos(self) -> None:
        path = self.folder / "gone" / "till.json"
        pos = SimulatedPos(self.portal.credentials, timing=self.sleeps.timing, till_file=path)
        pos.start()
        socket = await self.portal.next_socket()
        path.unlink()
        path.parent.rmdir()
        await socket.send(json.dumps(request("r-1")))
        with pytest.raises(RuntimeError, match="has ended"):
            await pos.wait_for_closures(2)
        with pytest.raises(FileNotFoundError):
            await pos.stop()
        assert pos.journal.answers == 0

    async def test_another_pos_with_the_same_file_continues_where_the_first_ended(self) -> None:
        path = self.folder / "till.json"
        async with self.connected_pos(till_file=path) as (_pos, socket):
            first = await ask(socket, request("r-1"))
        async with self.connected_pos(till_file=path) as (pos, socket):
            assert await ask(socket, request("r-1")) == first
            assert (len(pos.till.orders), pos.till.executed) == (4, ["r-1"])

    async def test_a_till_in_a_thread_accepts_a_plan_and_a_file(self) -> None:
        executed = await asyncio.to_thread(self.meet_from_a_thread, asyncio.get_running_loop())
        assert executed == ["r-1"]

    def meet_from_a_thread(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        plan, path = Plan(script=[Fault.TWICE]), self.folder / "till.json"
        with BackgroundPos(self.portal.credentials, plan=plan, till_file=path) as background:
            background.wait_for_connections()
            asyncio.run_coroutine_threadsafe(self.ask_next_socket(), loop).result(LIMIT)
            background.wait_until(lambda: background.pos.journal.answers == 2)
            return load_till(path).executed

    async def ask_next_socket(self) -> None:
        await ask(await self.portal.next_socket(), request("r-1"))


class ManyPoses(ConnectedTill):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.said: asyncio.Queue[str] = asyncio.Queue()

    def credentials(self, count: int) -> list[Credentials]:
        return [Credentials.from_json(line) for line in self.portal.json_lines(count).splitlines()]

    @asynccontextmanager
    async def running_fleet(self, count: int, **options: Any) -> AsyncIterator[tuple[Fleet, list[ServerConnection]]]:
        fleet = Fleet(self.credentials(count), say=self.said.put_nowait, timing=self.sleeps.timing, **options)
        task = asyncio.create_task(fleet.run())
        yield fleet, [await self.portal.next_socket() for _ in range(count)]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_each_outlet_has_its_own_till_and_file(self) -> None:
        async with self.running_fleet(3, till_folder=self.folder) as (fleet, sockets):
            for socket in sockets:
                assert (await ask(socket, request("the same")))["ResultCode"] == 0
            assert [len(pos.till.orders) for pos in fleet.poses] == [4, 4, 4]
        files = sorted(self.folder.iterdir())
        assert [path.name for path in files] == ["outlet-1.json", "outlet-2.json", "outlet-3.json"]
        assert [load_till(path).executed for path in files] == [["the same"]] * 3
        assert [socket.close_code for socket in sockets] == [1000, 1000, 1000]
        assert [len(pos.closures) for pos in fleet.poses] == [1, 1, 1]

    async def test_beyond_twenty_a_summary_replaces_single_lines(self) -> None:
        async with self.running_fleet(21, plan=Plan(chances={Fault.TWICE: 1.0})) as (fleet, sockets):
            for pos in fleet.poses:
                await pos.wait_for_connections()
            await ask(sockets[0], request("r-1"))
            seconds, end = await self.sleeps.next()
            end.set()
            line = await within(self.said.get())
        assert seconds == SUMMARY_SECONDS
        assert line.startswith("connected 21 of 21, answers 2 (")
        assert line.endswith("orders 64, refusals 0, closures 0, twice 1")
        assert self.said.empty()

    async def test_an_outlets_id_cannot_point_outside_the_folder(self) -> None:
        (credentials,) = self.credentials(1)
        nasty = Credentials(**vars(credentials) | {"provider_outlet_id": "../a/b"})
        assert till_file_name(nasty) == "%2E%2E%2Fa%2Fb.json"
