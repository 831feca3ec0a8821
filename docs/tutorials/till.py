"""A minimal till. Start it with the file that `enable_outlet --format json` printed: python till.py outlet.json"""

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
NUMBERS = {0: "GetUserFromPIN", 1: "GetOpenOrders", 10: "CreateOrder", 12: "UpdateOrder", 13: "CreatePayment"}
REPLACED = 4409  # the close code after which a till does not connect again
orders: dict[str, Json] = {}
answers: dict[str, Json] = {}  # a request that is sent again gets the same answer and is not executed again


def result(name: str | None, payload: Json) -> Json:
    if name == "GetUserFromPIN":
        return {"UserID": "1234", "UserName": "Manager", "CanMakePayments": True}
    if name == "GetOpenOrders":
        return {"Orders": list(orders.values()), "UserOrdersOnly": payload.get("UserOrdersOnly", False)}
    if name == "CreateOrder":
        order = payload | {"SalesTransactionID": str(uuid.uuid4())}
        return {"Order": orders.setdefault(order["SalesTransactionID"], order), "OutOfStockProducts": None}
    order = orders[payload["SalesTransactionID"]]
    if name == "UpdateOrder":
        order["Products"] = order["Products"] + payload["Products"]
        return {"Order": order, "OutOfStockProducts": None}
    if name == "CreatePayment":
        return {"SalesTransactionPaymentID": str(uuid.uuid4()), "OrderSummary": order}
    raise ValueError(name)


def answer(request: Json) -> Json:
    try:
        payload = result(NUMBERS.get(request["MessageType"]), request["Payload"] or {})
        return {"RequestID": request["RequestID"], "ResultCode": 0, "ErrorMessage": None, "Payload": payload}
    except (KeyError, ValueError):
        text = "This till cannot do this."
        return {"RequestID": request["RequestID"], "ResultCode": 1, "ErrorMessage": text, "Payload": None}


def serve(outlet: Json) -> None:
    body = json.dumps(outlet).encode()
    with urllib.request.urlopen(urllib.request.Request(outlet["AuthURL"], body), timeout=20) as response:  # noqa: S310
        token = json.load(response)["AccessToken"]
    with connect(f"{outlet['WebsocketURL']}?token={token}") as socket:
        print("connected", flush=True)
        for frame in socket:
            request = json.loads(frame)
            if request["RequestID"] not in answers:
                answers[request["RequestID"]] = answer(request)
            socket.send(json.dumps(answers[request["RequestID"]]))


def main(path: str) -> None:
    outlet = json.loads(Path(path).read_text())
    wait = 1.0
    while True:
        started = time.monotonic()
        try:
            serve(outlet)
        except (OSError, WebSocketException) as error:
            if isinstance(error, ConnectionClosedError) and error.rcvd and error.rcvd.code == REPLACED:
                sys.exit("Another till connected with the same secret.")
            print("not connected:", type(error).__name__, flush=True)
        wait = 1.0 if time.monotonic() - started > 60 else min(wait * 2, 60)
        time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311


if __name__ == "__main__":
    main(sys.argv[1])
