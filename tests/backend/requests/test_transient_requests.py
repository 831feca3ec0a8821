"""Transient requests are sent once, and stored only after they have ended."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from unittest import mock

import time_machine
from django.utils import timezone

from integrations.models import Request
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.relay.delivery import transient_requests
from integrations.services import wake
from integrations.services.requests.request_types import NewRequest
from integrations.services.rows.threads import Joined, writers
from tests.backend.answers import kind_of, poll, row_of
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import LIMIT, InProcess, in_main, recorded


@contextlib.asynccontextmanager
async def busy_writers() -> AsyncIterator[None]:
    """Occupy all threads that write to the database on behalf of callers."""
    over = threading.Event()
    waiting = [asyncio.ensure_future(writers.run(over.wait, LIMIT)) for _ in range(8)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*waiting)


class TransientRequest(InProcess):
    async def test_a_transient_request_is_stored_only_after_it_has_ended(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, durable=False))
            frame = await pos.next_frame()
            assert await in_main(Request.objects.count) == 0
            pos.answers(frame, '{"n": 1.50}')
            answer = await asking
        assert answer.body.endswith(b'{"n": 1.50}}')
        await recorded()
        row = await row_of(answer)
        assert (row.state, row.is_durable, row.answer) == (RequestState.ANSWERED, False, '{"n": 1.50}')

    async def test_transient_requests_respect_the_window_too(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False)) for _ in range(20)]
            frames = [await pos.next_frame() for _ in range(8)]
            assert not pos.has_more()
            for _ in range(12):
                pos.answers(frames.pop(0))
                frames.append(await pos.next_frame())
            for frame in frames:
                pos.answers(frame)
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}

    async def test_the_same_transient_request_sent_concurrently_is_one_frame(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p")) for _ in range(10)]
            pos.answers(await pos.next_frame())
            assert len({answer.body for answer in await asyncio.gather(*asking)}) == 1
            assert not pos.has_more()

    async def test_a_call_that_joins_another_waits_no_longer_than_its_own_timeout(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            patient = asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p", timeout=60))
            frame = await pos.next_frame()
            answer = await backend.ask(outlet, durable=False, request_id="p", timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "no-answer-yet")
            pos.answers(frame)
            assert (await patient).status == 200

    async def test_a_transient_request_is_sent_only_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, durable=False))
            await pos.next_frame()
            await pos.disconnect(1006)
            answer = await asking
        assert (answer.status, kind_of(answer)) == (503, "link-lost")
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, durable=False, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "request-expired")
            await pos.next_frame()
            await poll()
            assert not pos.has_more()
        await recorded()
        states = await in_main(lambda: set(Request.objects.values_list("state", flat=True)))
        assert states == {RequestState.FAILED, RequestState.EXPIRED}

    async def test_a_transient_request_with_a_new_request_id_waits_for_no_writer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            async with busy_writers():
                asking = asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p"))
                pos.answers(await pos.next_frame())
                assert (await asking).status == 200
                await recorded()
                answer = await backend.ask(outlet, durable=False, request_id="p", timeout=1)
                assert (answer.status, kind_of(answer)) == (503, "database-away"), "an unequal content is counted"
            assert (await backend.ask(outlet, durable=False, request_id="p")).status == 200
            assert not pos.has_more()

    async def test_a_transient_request_that_expired_before_it_was_sent_is_not_reported_as_sent(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()

        async def late(_new: NewRequest) -> None:
            clock.shift(5)

        async with await Pos.of(outlet) as pos:
            looking = mock.patch.object(running.dispatcher, "find_repeated", late)
            with time_machine.travel(timezone.now()) as clock, looking:
                answer = await backend.ask(outlet, durable=False, request_id="p", timeout=4)
            assert (answer.status, kind_of(answer)) == (503, "database-away")
            assert not pos.has_more()
        await recorded()
        assert await in_main(Request.objects.count) == 0

    async def test_a_transient_request_that_expired_in_the_queue_was_not_sent(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False)) for _ in range(8)]
            frames = [await pos.next_frame() for _ in range(8)]
            answer = await backend.ask(outlet, durable=False, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "request-expired")
            for frame in frames:
                pos.answers(frame)
            assert {each.status for each in await asyncio.gather(*asking)} == {200}
            assert not pos.has_more()
        await recorded()
        row = await in_main(Request.objects.get, state=RequestState.EXPIRED)
        assert (row.times_sent, row.sent_at) == (0, None)
        assert await in_main(Request.objects.filter(times_sent=1).exclude(sent_at=None).count) == 8

    async def test_a_transient_request_that_the_layer_rejects_waits_for_no_other_process(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        layer = mock.Mock()
        layer.group_send = mock.AsyncMock(side_effect=ConnectionError)
        running.transient_requests.channel = "own"
        with (
            mock.patch.object(wake, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "ACKNOWLEDGE_SECONDS", 600.0),
            mock.patch.object(wake, "_quiet_until", 0.0),
        ):
            running.transient_requests._online = Joined(lambda ids: dict.fromkeys(ids, True))
            for sent in (1, 1):  # still 1 after the second request, which the portal does not try to send
                answer = await asyncio.wait_for(backend.ask(outlet, durable=False, timeout=60), LIMIT)
                assert (answer.status, kind_of(answer)) == (503, "link-lost")
                assert layer.group_send.await_count == sent

    async def test_while_the_layer_is_unavailable_a_transient_request_for_a_pos_elsewhere_is_refused_at_once(
        self,
    ) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        assert running.transient_requests.channel is None
        layer = mock.Mock(group_send=mock.AsyncMock())
        with (
            mock.patch.object(wake, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "get_channel_layer", return_value=layer),
        ):
            running.transient_requests._online = Joined(lambda ids: dict.fromkeys(ids, True))
            answer = await backend.ask(outlet, durable=False)
            assert (answer.status, kind_of(answer)) == (503, "pos-offline")
            assert layer.group_send.await_count == 0

    async def test_a_transient_request_can_be_neither_queued_nor_async(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        assert (await backend.ask(outlet, durable=False, expires_in=5)).status == 422
        assert (await backend.ask(outlet, durable=False, mode="async")).status == 422
