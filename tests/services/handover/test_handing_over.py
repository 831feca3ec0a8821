"""Requests that a replaced connection leaves unanswered are sent again or fail."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from unittest import mock

from integrations.models import Request
from integrations.models.request import RequestState
from integrations.pos import consumer
from integrations.pos.link import LINK
from integrations.relay import runtime
from integrations.services.requests import holders, retries
from integrations.services.requests.request_types import NewRequest, NotStored, Stored
from tests.support.asgi_client import ON_UVICORN
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import Enabled
from tests.support.in_process import InProcess, in_main, until


class OldLink:
    """The transport of a replaced connection. `is_there`: whether the POS's websocket library still answers pings."""

    has_failed = False

    def __init__(self, *, is_there: bool) -> None:
        self._is_there = is_there

    async def answers_ping(self, seconds: float) -> bool:  # noqa: ARG002
        return self._is_there

    async def has_answered_close(self) -> bool:
        return self._is_there


class SlowLink(OldLink):
    """Transport of a vanished POS whose ping fails only when the test allows it."""

    def __init__(self) -> None:
        super().__init__(is_there=False)
        self.is_asked = False
        self.may_answer = asyncio.Event()

    async def answers_ping(self, seconds: float) -> bool:
        self.is_asked = True
        await self.may_answer.wait()
        return await super().answers_ping(seconds)


class HandingOver(InProcess):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(consumer, "ANSWER_SECONDS", 0.05))
        self.enterContext(mock.patch.object(retries, "FIRST_PAUSE", timedelta(milliseconds=10)))
        self.enterContext(mock.patch("integrations.pos.access.second_till.HELD_SECONDS", 0.0))
        self.enterContext(mock.patch("integrations.relay.sockets.takeovers.FREE", 100))

    async def test_a_request_on_connections_that_the_pos_does_not_read_fails_in_the_end(self) -> None:
        await self.leave_behind(OldLink(is_there=False))

    async def test_a_request_fails_if_the_pos_answers_pings_but_never_the_request(self) -> None:
        await self.leave_behind(OldLink(is_there=True))

    async def leave_behind(self, old: OldLink) -> None:
        """Receive the same request on successive connections, and leave each connection open without an answer."""
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="poison", mode="async", expires_in=60)
        async with AsyncExitStack() as left_open:
            for _ in range(1 + retries.DISCONNECTS):  # the first takeover does not count
                pos = await left_open.enter_async_context(await on(old, outlet))
                assert (await pos.next_frame())["RequestID"] == "poison"
            await left_open.enter_async_context(await on(old, outlet))
            await until_true(lambda: Request.objects.filter(state=RequestState.FAILED).aexists())
        row = await Request.objects.aget()
        assert (row.disconnects, row.times_sent) == (5, 6)
        assert row.failure.endswith("the last time a newer connection of the same outlet took over.")

    async def test_requests_are_sent_again_in_order_after_the_first_takeover(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        names = ["r-1", "r-2", "r-3"]
        async with await on(OldLink(is_there=False), outlet) as old:
            for name in names[:2]:
                await backend.ask(outlet, request_id=name, mode="async", expires_in=60)
                await old.next_frame()
            async with await Pos.of(outlet) as pos:
                await backend.ask(outlet, request_id="r-3", mode="async", expires_in=60)
                assert [(await pos.next_frame())["RequestID"] for _ in names] == names

    async def test_newer_requests_wait_while_the_replaced_pos_may_lack_an_older_one(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        link = SlowLink()
        async with await on(link, outlet) as old:
            await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
            await old.next_frame()
            async with await Pos.of(outlet) as pos:
                await until(lambda: link.is_asked)
                await backend.ask(outlet, request_id="r-2", mode="async", expires_in=60)
                running = await runtime.running()
                newer = running.registry.find(outlet.integration.pk)
                assert newer is not None
                assert newer.lane is not None
                lane = newer.lane
                await until(lambda: not lane.is_loading)
                link.may_answer.set()
                assert [(await pos.next_frame())["RequestID"] for _ in range(2)] == ["r-1", "r-2"]

    async def test_the_replaced_pos_may_still_answer_a_request_that_is_not_stored(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(consumer, "ANSWER_SECONDS", 10.0):
            async with await on(OldLink(is_there=True), outlet) as first:
                asking = asyncio.ensure_future(backend.ask(outlet, durable=False))
                frame = await first.next_frame()
                async with await Pos.of(outlet):
                    first.answers(frame)
                    assert (await first.closed())[0] == 4409
                assert (await asking).status == 200

    async def test_a_request_that_the_replaced_pos_answers_late_is_not_suspect(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
        with mock.patch.object(consumer, "ANSWER_SECONDS", 10.0):
            async with await on(OldLink(is_there=True), outlet) as first:
                frame = await first.next_frame()
                async with await Pos.of(outlet):
                    first.answers(frame)
                    assert (await first.closed())[0] == 4409
        row = await in_main(Request.objects.get)
        assert (row.state, row.disconnects, row.times_sent) == (RequestState.ANSWERED, 0, 1)

    async def test_a_newer_connection_reads_a_request_that_was_stored_during_the_takeover(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running, may_store = await runtime.running(), asyncio.Event()
        submitter = running.dispatcher._submitter
        store = submitter._store

        async def later(new: NewRequest) -> Stored | NotStored | None:
            await may_store.wait()
            return await store.find(new)

        self.enterContext(mock.patch.object(consumer, "ANSWER_SECONDS", 10.0))
        self.enterContext(mock.patch.object(submitter, "_store", mock.Mock(find=later)))
        loads = self.enterContext(mock.patch.object(holders, "load", wraps=holders.load))
        async with await on(OldLink(is_there=True), outlet) as first:
            asking = asyncio.ensure_future(backend.ask(outlet))
            (live,) = running.registry
            await until(lambda: live.lane and not live.lane.is_at_rest)
            async with await Pos.of(outlet):
                may_store.set()
                frame = await first.next_frame()
                await until(lambda: loads.call_count)
                first.answers(frame)
                assert (await asking).status == 200


async def on(link: OldLink, outlet: Enabled) -> Pos:
    pos = await Pos.of(outlet)
    pos.scope["extensions"] = ON_UVICORN | {LINK: link}
    return pos


async def until_true(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
