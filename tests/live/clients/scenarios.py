"""Prints the client's result in each scenario, as JSON. Its environment has only the built package.

`scenarios.mjs` does the same with the TypeScript client. Arguments: the address of the portal, the address of a
proxy that loses answers, and `sync` or `async`.
"""

import asyncio
import inspect
import json
import os
import sys
from decimal import Decimal
from typing import Any

from standardwebhooks import WebhookVerificationError

from order_n_pay import AsyncClient, Client, errors, verify_webhook

KEY = os.environ["PORTAL_API_KEY"]
PERSON = {"device_id": "kiosk-1", "user_identifier": "1234"}


def order(number: Any, table: Any) -> Any:
    soup = {"ProductType": 0, "Name": "Soup", "Quantity": 2, "PLUIdentifier": "101", "Price": Decimal("0.00")}
    return {
        "ProviderOrderID": number,
        "ServiceModeID": "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01",
        "ServiceModeEntityID": table,
        "Products": [soup | {"TotalAmount": 0}],
    }


async def known(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def rows(iterator: Any) -> Any:
    return [row async for row in iterator] if hasattr(iterator, "__aiter__") else list(iterator)


async def five_minutes(client: Any, name: Any) -> Any:
    opened = await known(client.send("demo-harbour", "CreateOrder", order(f"{name}-1", "5"), **PERSON))
    look = {"ServiceModeEntityID": "5", "UserOrdersOnly": False}
    found = await known(client.send("demo-harbour", "GetOpenOrders", look, durable=False, **PERSON))
    same = [each for each in found.payload.Orders if each.SalesTransactionID == opened.payload.Order.SalesTransactionID]
    return [opened.outcome, len(same), type(same[0].Amount).__name__]


async def offline(client: Any) -> Any:
    try:
        await known(client.send("demo-station", "GetUserFromPIN", {"PIN": "5678"}, device_id="kiosk-1"))
    except errors.PosOffline as error:
        return [error.status, error.type]


async def lost_answer(client: Any, name: Any) -> Any:
    answer = await known(client.send("demo-airport", "CreateOrder", order(f"{name}-lost", "8"), deadline=30, **PERSON))
    look = {"ServiceModeEntityID": "8", "UserOrdersOnly": False}
    found = await known(client.send("demo-airport", "GetOpenOrders", look, deadline=30, **PERSON))
    same = [each for each in found.payload.Orders if each.SalesTransactionID == answer.payload.Order.SalesTransactionID]
    return [answer.outcome, len(same), len(found.payload.Orders)]


async def refusal(client: Any) -> Any:
    answer = await known(client.send("demo-harbour", "GetUserFromPIN", {"PIN": "0000"}, device_id="kiosk-1"))
    return [answer.outcome, answer.result_code]


async def any_request_id(client: Any, name: Any) -> Any:
    chosen = {"request_id": f' "ü" {name} 🍕 ', "device_id": "kiosk-1"}
    answers = [await known(client.send("demo-harbour", "GetUserFromPIN", {"PIN": "5678"}, **chosen)) for _ in "12"]
    return [answers[0].request_id == chosen["request_id"], answers[0] == answers[1]]


async def submitted(client: Any) -> Any:
    receipt = await known(
        client.submit("demo-harbour", "GetOpenOrders", {"ServiceModeEntityID": "7"}, expires_in=60, **PERSON)
    )
    ended = await known(client.wait(receipt.id, deadline=30))
    return [ended.state, ended.id == receipt.id]


async def pages(client: Any) -> Any:
    ids = [each.provider_outlet_id for each in await rows(client.outlets.list(organisation="Demo", page_size=1))]
    return sorted(ids)


def webhook() -> Any:
    got = json.loads(os.environ["WEBHOOK"])
    event = verify_webhook(got["secret"], got["body"], got["headers"])
    try:
        verify_webhook(got["secret"], got["body"] + " ", got["headers"])
    except WebhookVerificationError:
        return [event.type, "forged"]


async def main(url: Any, lossy_url: Any, kind: Any) -> Any:
    client, lossy = (AsyncClient if kind == "async" else Client)(url, KEY), Client(lossy_url, KEY)
    results = {
        "five minutes": await five_minutes(client, kind),
        "offline": await offline(client),
        "refusal": await refusal(client),
        "any request_id": await any_request_id(client, kind),
        "submitted": await submitted(client),
        "pages": await pages(client),
        "lost answer": await lost_answer(lossy, kind),
        "webhook": webhook(),
    }
    print(json.dumps(results))


asyncio.run(main(*sys.argv[1:]))
