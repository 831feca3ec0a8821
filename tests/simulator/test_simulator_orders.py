"""The simulated till over the socket: every method in its documented format."""

import json
from typing import Any

from integrations.simulator import till_messages
from integrations.simulator.example import CATALOGUE, CHIPS, MANAGER, TRAINEE, VAT
from tests.simulator.connected_till import NUMBERS, SOUP_LINE, ConnectedTill, request
from tests.support.servers.simulator_portal import ask, within


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


ORDER = {
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
            "ChildProducts": [product("Chips", 1, 3.45, 3.45, CHIPS.plu_id) | {"ProviderProductID": "c-1"}],
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
}
ANSWER = {"RequestID": "r-1", "ResultCode": 0, "ErrorMessage": None, "MessageType": 10}


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
        order = ORDER | {"SalesTransactionID": kept.sales_transaction_id}
        assert answered == ANSWER | {"Payload": {"Order": order, "OutOfStockProducts": None}}

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
        assert answered["ResultCode"] == till_messages.INSUFFICIENT_STOCK
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
                assert trainee["ResultCode"] == till_messages.USER_NOT_PERMITTED
            assert (len(pos.till.orders), pos.till.payments) == (3, [])

    async def test_the_tills_refusals_have_a_code_and_one_sentence(self) -> None:
        answered = await self.answer("CreateOrder", ServiceModeEntityID="99")
        assert (answered["ResultCode"], answered["ErrorMessage"]) == (
            till_messages.UNKNOWN_TABLE,
            "Table service has no number '99'.",
        )

    async def test_numbers_without_documentation_can_be_overridden(self) -> None:
        async with self.connected_pos(message_numbers={"CreateOrder": 5}) as (_pos, socket):
            answered = await ask(socket, request("r-1") | {"MessageType": 5})
            assert (answered["ResultCode"], answered["MessageType"]) == (0, 5)
            assert (await ask(socket, request("r-2")))["ResultCode"] == till_messages.UNSUPPORTED_MESSAGE

    async def test_keys_are_read_in_any_letter_case_at_every_depth(self) -> None:
        lower = json.loads(json.dumps(request("r-1", Products=[SOUP_LINE])), object_hook=lower_keys)
        async with self.connected_pos() as (_pos, socket):
            assert (await ask(socket, lower))["Payload"]["Order"]["Amount"] == 5.0


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
                assert answered["ResultCode"] == till_messages.MALFORMED_PAYLOAD
                assert complaint in answered["ErrorMessage"]
            assert len(pos.till.orders) == 3
