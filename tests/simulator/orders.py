"""Orders, their lines and payments, as tests send them to the till."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from integrations.simulator import till_messages
from integrations.simulator.example import MANAGER, TABLES
from integrations.simulator.message_numbers import names_by_number
from integrations.simulator.orders import Adjustment, Line, Payment
from integrations.simulator.till import NewOrder


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


def request(request_id: str | None, method: str = "CreateOrder", **payload: object) -> till_messages.TillRequest:
    whole = {"ProviderOrderID": "p-1", "ServiceModeID": TABLES.service_mode_id, "ServiceModeEntityID": "5"} | payload
    number = {name: number for number, name in names_by_number().items()}[method]
    return till_messages.read_request(
        json.dumps({"RequestID": request_id, "UserIdentifier": MANAGER.pin, "MessageType": number, "Payload": whole})
    )
