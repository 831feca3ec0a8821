"""If a POS hangs on one request for a long time and then loses its connection, no other request fails."""

import asyncio
from datetime import timedelta
from unittest import mock

from integrations.models import Request
from integrations.models.request import RequestState
from integrations.relay.sockets import lane, suspects, window
from integrations.services.requests import retries
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import Enabled
from tests.support.in_process import InProcess

ALONE = 0.1


class SlowPoison(InProcess):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(window, "ALONE", ALONE))
        self.enterContext(mock.patch.object(lane, "RECHECK", 0.01))
        self.enterContext(mock.patch.object(retries, "FIRST_PAUSE", timedelta(milliseconds=10)))

    async def test_the_other_requests_are_answered_and_the_poison_request_fails(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for name in ("poison", "ok-1", "ok-2"):
            await backend.ask(outlet, request_id=name, mode="async", expires_in=60)
        with mock.patch.object(suspects, "PATIENCE", 0.0):
            for _ in range(retries.DISCONNECTS):
                await hang_on_poison(outlet)
        async with await Pos.of(outlet), asyncio.timeout(10):
            while await Request.objects.exclude(state__in=(RequestState.FAILED, RequestState.ANSWERED)).aexists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        rows = {row.request_id: (row.state, row.disconnects) async for row in Request.objects.all()}
        assert rows == {
            "poison": (RequestState.FAILED, 5),
            "ok-1": (RequestState.ANSWERED, 1),
            "ok-2": (RequestState.ANSWERED, 1),
        }


async def hang_on_poison(outlet: Enabled) -> None:
    """Answer until the poison request arrives; then stay silent for longer than ALONE, and end the connection."""
    async with await Pos.of(outlet) as pos:
        while (frame := await pos.next_frame())["RequestID"] != "poison":
            pos.answers(frame)
        await asyncio.sleep(5 * ALONE)
        await pos.disconnect(1006)
