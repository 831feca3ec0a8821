"""A simulated till with a socket to a portal that the test imitates."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import IsolatedAsyncioTestCase

from websockets.asyncio.server import ServerConnection

from integrations.simulator import SimulatedPos, Timing
from integrations.simulator.example import MANAGER, TABLES
from tests.support.servers.simulator_portal import LIMIT, FakePortal, ask, within

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
PATIENCE = 0.03  # seconds before a test repeats a request; a shorter time only causes more repetitions


def request(request_id: str, method: str = "CreateOrder", user: str | None = None, **payload: Any) -> dict[str, Any]:
    whole = ORDER | payload if method in ("CreateOrder", "SimulateOrder") else payload
    changes: dict[str, Any] = {} if user is None else {"UserIdentifier": user}
    return ENVELOPE | changes | {"RequestID": request_id, "MessageType": NUMBERS[method], "Payload": whole}


class Sleeps:
    """The pauses between attempts to connect take no time; all other sleeps last until the test ends them."""

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
