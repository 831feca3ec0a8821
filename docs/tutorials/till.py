"""A minimal till. Write the output of `enable_outlet --format json` to outlet.json, then: python till.py outlet.json"""

import json
import random
import sys
import time
import urllib.request
import uuid
from pathlib import Path

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

PRICE = 5  # price of every product
outlet = json.loads(Path(sys.argv[1]).read_text())
orders: dict[str, dict] = {}
answers: dict[str, str] = {}  # a request that is sent again gets the same answer and is not executed again


def new_order(table: str) -> dict:  # has the fields of a full order and also those of an order summary
    order = {"SalesTransactionID": str(uuid.uuid4()), "OrderNumberOpened": f"S{len(orders) + 1:07}", "Products": []}
    order |= {"ServiceModePrefix": "TBL", "ServiceModeEntityID": table, "CurrencyCode": "EUR", "Covers": 0, "Taxes": []}
    order |= {"Amount": 0, "AmountOwing": 0, "RemainingServiceChargeAmount": 0, "IsClosed": False, "InUse": False}
    return orders.setdefault(order["SalesTransactionID"], order)


def execute(message_type: int, payload: dict) -> dict:
    if message_type == 0:  # GetUserFromPIN
        return {"UserID": "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4", "UserName": "Manager", "CanMakePayments": True}
    if message_type == 1:  # GetOpenOrders
        return {"Orders": list(orders.values()), "UserOrdersOnly": payload.get("UserOrdersOnly", False)}
    if message_type not in (10, 12, 13):
        raise KeyError(message_type)
    order = new_order(payload["ServiceModeEntityID"]) if message_type == 10 else orders[payload["SalesTransactionID"]]
    if message_type == 13:  # CreatePayment
        order["AmountOwing"] -= payload["Payment"]["AmountSale"]
        return {"SalesTransactionPaymentID": str(uuid.uuid4()), "OrderSummary": order}
    for line in payload.get("Products") or []:  # CreateOrder (10) and UpdateOrder (12)
        added = line | {"Price": PRICE, "TotalAmount": PRICE * line["Quantity"]}
        order["Products"].append(added)
        order["Amount"] += added["TotalAmount"]
        order["AmountOwing"] += added["TotalAmount"]
    return {"Order": order, "OutOfStockProducts": None}


def answer(request: dict) -> str:
    same = {name: request[name] for name in ("RequestID", "MessageType")} | {"ResultCode": 0, "ErrorMessage": None}
    try:
        return json.dumps(same | {"Payload": execute(request["MessageType"], request["Payload"] or {})})
    except KeyError:
        return json.dumps(same | {"ResultCode": 1, "ErrorMessage": "This till cannot do this.", "Payload": None})


def serve() -> None:
    post = urllib.request.Request(outlet["AuthURL"], json.dumps(outlet).encode())  # noqa: S310
    with urllib.request.urlopen(post, timeout=20) as response:  # noqa: S310
        token = json.load(response)["AccessToken"]
    with connect(f"{outlet['WebsocketURL']}?token={token}") as socket:
        print("connected", flush=True)
        for frame in socket:
            request = json.loads(frame)
            if request["RequestID"] not in answers:
                answers[request["RequestID"]] = answer(request)
            socket.send(answers[request["RequestID"]])


wait = 1.0
while True:
    started = time.monotonic()
    try:
        serve()
    except (OSError, WebSocketException) as error:
        if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == 4409:
            sys.exit("Another till connected with the same secret.")
        print("not connected:", type(error).__name__, flush=True)
    wait = 1.0 if time.monotonic() - started > 60 else min(wait * 2, 60)
    time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
