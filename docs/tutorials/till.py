"""A minimal till. Write the output of `enable_outlet --format json` to outlet.json, then: python till.py outlet.json"""

import json
import random
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosedError, WebSocketException
from websockets.sync.client import connect

Json = dict[str, Any]
REPLACED = 4409  # the close code after which a till does not connect again
PRICE = 5  # price of every product
USER_ID = "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4"
outlet: Json = json.loads(Path(sys.argv[1]).read_text())
orders: dict[str, Json] = {}
answers: dict[str, str] = {}  # a request that is sent again gets the same answer and is not executed again


def opened(table: str) -> Json:
    """Store and return a new order. It has the fields of a full order and also those of an order summary."""
    order = {"SalesTransactionID": str(uuid.uuid4()), "OrderNumberOpened": f"S{len(orders) + 1:07}"}
    order |= {"ServiceModePrefix": "TBL", "ServiceModeEntityID": table, "CurrencyCode": "EUR", "Covers": 0, "Taxes": []}
    order |= {"Amount": 0, "AmountOwing": 0, "RemainingServiceChargeAmount": 0, "IsClosed": False, "InUse": False}
    orders[order["SalesTransactionID"]] = order | {"Products": []}
    return orders[order["SalesTransactionID"]]


def with_products(order: Json, lines: list[Json] | None) -> Json:
    for line in lines or []:
        total = PRICE * line["Quantity"]
        order["Products"].append(line | {"Price": PRICE, "TotalAmount": total})
        order["Amount"] += total
        order["AmountOwing"] += total
    return order


def result(message_type: int, payload: Json) -> Json:
    match message_type:
        case 0:  # GetUserFromPIN
            return {"UserID": USER_ID, "UserName": "Manager", "CanMakePayments": True}
        case 1:  # GetOpenOrders
            return {"Orders": list(orders.values()), "UserOrdersOnly": payload.get("UserOrdersOnly", False)}
        case 10:  # CreateOrder
            order = with_products(opened(payload["ServiceModeEntityID"]), payload.get("Products"))
            return {"Order": order, "OutOfStockProducts": None}
        case 12:  # UpdateOrder
            order = with_products(orders[payload["SalesTransactionID"]], payload.get("Products"))
            return {"Order": order, "OutOfStockProducts": None}
        case 13:  # CreatePayment
            order = orders[payload["SalesTransactionID"]]
            order["AmountOwing"] -= payload["Payment"]["AmountSale"]
            return {"SalesTransactionPaymentID": str(uuid.uuid4()), "OrderSummary": order}
    raise KeyError(message_type)


def answer(request: Json) -> Json:
    try:
        code, error, payload = 0, None, result(request["MessageType"], request["Payload"] or {})
    except KeyError:
        code, error, payload = 1, "This till cannot do this.", None
    same = {name: request[name] for name in ("RequestID", "MessageType")}
    return same | {"ResultCode": code, "ErrorMessage": error, "Payload": payload}


def serve() -> None:
    post = urllib.request.Request(outlet["AuthURL"], json.dumps(outlet).encode())  # noqa: S310
    with urllib.request.urlopen(post, timeout=20) as response:  # noqa: S310
        token = json.load(response)["AccessToken"]
    with connect(f"{outlet['WebsocketURL']}?token={token}") as socket:
        print("connected", flush=True)
        for frame in socket:
            request = json.loads(frame)
            if request["RequestID"] not in answers:
                answers[request["RequestID"]] = json.dumps(answer(request))
            socket.send(answers[request["RequestID"]])


wait = 1.0
while True:
    started = time.monotonic()
    try:
        serve()
    except (OSError, WebSocketException) as error:
        if isinstance(error, ConnectionClosedError) and error.rcvd and error.rcvd.code == REPLACED:
            sys.exit("Another till connected with the same secret.")
        print("not connected:", type(error).__name__, flush=True)
    wait = 1.0 if time.monotonic() - started > 60 else min(wait * 2, 60)
    time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
