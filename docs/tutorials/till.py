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
REPLACED = 4409  # the close code after which a till does not connect again
outlet: Json = json.loads(Path(sys.argv[1]).read_text())
orders: dict[str, Json] = {}
answers: dict[str, str] = {}  # a request that is sent again gets the same answer and is not executed again


def result(message_type: int, payload: Json) -> Json:
    match message_type:
        case 0:  # GetUserFromPIN
            return {"UserID": "1234", "UserName": "Manager", "CanMakePayments": True}
        case 1:  # GetOpenOrders
            return {"Orders": list(orders.values()), "UserOrdersOnly": payload.get("UserOrdersOnly", False)}
        case 10:  # CreateOrder
            order = payload | {"SalesTransactionID": str(uuid.uuid4())}
            orders[order["SalesTransactionID"]] = order
            return {"Order": order, "OutOfStockProducts": None}
        case 12:  # UpdateOrder
            order = orders[payload["SalesTransactionID"]]
            order["Products"] += payload["Products"]
            return {"Order": order, "OutOfStockProducts": None}
        case 13:  # CreatePayment
            order = orders[payload["SalesTransactionID"]]
            return {"SalesTransactionPaymentID": str(uuid.uuid4()), "OrderSummary": order}
    raise KeyError(message_type)


def answer(request: Json) -> Json:
    try:
        code, error, payload = 0, None, result(request["MessageType"], request["Payload"] or {})
    except KeyError:
        code, error, payload = 1, "This till cannot do this.", None
    return {"RequestID": request["RequestID"], "ResultCode": code, "ErrorMessage": error, "Payload": payload}


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
