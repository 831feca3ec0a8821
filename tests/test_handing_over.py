"""What becomes of the requests that a replaced connection leaves unanswered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from unittest import mock

from integrations.models import Request
from integrations.models.request import State
from integrations.pos import consumer
from integrations.pos.link import LINK
from integrations.services import retries
from tests.asgi_client import ON_UVICORN
from tests.backend_client import Backend, Pos, make_outlet
from tests.factories import Enabled
from tests.in_process import InProcess, in_main


class OldLink:
    """Below a connection whose POS does not use it any more; what answers pings is its websocket library."""

    has_failed = False

    def __init__(self, *, is_there: bool) -> None:
        self._is_there = is_there

    async def answers_ping(self, seconds: float) -> bool:  # noqa: ARG002
        return self._is_there

    async def has_answered_close(self) -> bool:
        return self._is_there


class HandingOver(InProcess):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(consumer, "ANSWER_SECONDS", 0.05))
        self.enterContext(mock.patch.object(retries, "FIRST_PAUSE", timedelta(milliseconds=10)))
        self.enterContext(mock.patch("integrations.pos.second_till.HELD_SECONDS", 0.0))
        self.enterContext(mock.patch("integrations.relay.takeovers.FREE", 100))

    async def test_one_that_a_pos_leaves_on_a_connection_it_does_not_read_fails_in_the_end(self) -> None:
        await self.leave_behind(OldLink(is_there=False))

    async def test_so_does_one_that_it_never_answers_although_its_library_answers_pings(self) -> None:
        await self.leave_behind(OldLink(is_there=True))

    async def leave_behind(self, old: OldLink) -> None:
        """Get the same request on one connection after the other, and leave each open and unanswered."""
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="poison", mode="async", expires_in=60)
        async with AsyncExitStack() as left_open:
            for _ in range(1 + retries.DISCONNECTS):  # the first takeover does not count
                pos = await left_open.enter_async_context(await on(old, outlet))
                assert (await pos.next_frame())["RequestID"] == "poison"
            await left_open.enter_async_context(await on(old, outlet))
            await until_true(lambda: Request.objects.filter(state=State.FAILED).aexists())
        row = await Request.objects.aget()
        assert (row.disconnects, row.times_sent) == (5, 6)
        assert row.failure.endswith("the last time a newer connection of the same outlet took over.")

    async def test_after_the_first_takeover_they_are_sent_again_in_their_order(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        names = ["r-1", "r-2", "r-3"]
        async with await on(OldLink(is_there=False), outlet) as old:
            for name in names[:2]:
                await backend.ask(outlet, request_id=name, mode="async", expires_in=60)
                await old.next_frame()
            async with await Pos.of(outlet) as pos:
                await backend.ask(outlet, request_id="r-3", mode="async", expires_in=60)
                assert [(await pos.next_frame())["RequestID"] for _ in names] == names

    async def test_one_that_the_replaced_pos_still_answers_is_not_suspect(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
        with mock.patch.object(consumer, "ANSWER_SECONDS", 10.0):
            async with await on(OldLink(is_there=True), outlet) as first:
                frame = await first.next_frame()
                async with await Pos.of(outlet):
                    first.answers(frame)
                    assert (await first.closed())[0] == 4409
        row = await in_main(Request.objects.get)
        assert (row.state, row.disconnects, row.times_sent) == (State.ANSWERED, 0, 1)


async def on(link: OldLink, outlet: Enabled) -> Pos:
    pos = await Pos.of(outlet)
    pos.scope["extensions"] = ON_UVICORN | {LINK: link}
    return pos


async def until_true(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
