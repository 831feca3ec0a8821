"""Requests that wait for a place on their connection are sent in order, without a database query for each."""

import uuid
from datetime import timedelta
from typing import Any
from unittest import mock

from integrations.models import Request
from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.relay.delivery import lane_filler
from integrations.relay.sockets import lane
from integrations.services import wake
from integrations.services.requests import holders
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, until

WINDOW = 8  # the default of REQUESTS_IN_FLIGHT


class Queueing(InProcess):
    def setUp(self) -> None:
        self.loads = self.enterContext(mock.patch.object(holders, "load", wraps=holders.load))

    async def ask(self, backend: Backend, outlet: Any, names: list[str]) -> None:
        for name in names:
            await backend.ask(outlet, request_id=name, mode="async", expires_in=60)

    async def frames(self, pos: Pos, count: int) -> list[str]:
        """Answer the next frames and return their RequestIDs."""
        got = []
        for _ in range(count):
            frame = await pos.next_frame()
            pos.answers(frame)
            got.append(frame["RequestID"])
        return got

    async def test_requests_queued_in_this_process_are_sent_in_order_without_being_read_again(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        names = [f"r-{number}" for number in range(3 * WINDOW)]
        async with await Pos.of(outlet) as pos:
            await self.ask(backend, outlet, names)
            assert await self.frames(pos, len(names)) == names
        assert self.loads.call_count == 0
        assert set(await in_main(lambda: list(Request.objects.values_list("times_sent", flat=True)))) == {1}

    async def test_a_request_that_another_process_stored_meanwhile_keeps_its_place(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        names = [f"r-{number}" for number in range(WINDOW + 2)]
        async with await Pos.of(outlet) as pos:
            await self.ask(backend, outlet, names)
            await in_main(stored_elsewhere, outlet.integration.pk, "elsewhere")
            await self.ask(backend, outlet, ["last"])
            assert await self.frames(pos, len(names) + 2) == [*names, "elsewhere", "last"]

    async def test_a_request_for_a_pos_that_is_not_connected_here_wakes_the_other_processes(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        with mock.patch.object(running.dispatcher._filler._wakeups, "send") as send:
            await self.ask(backend, outlet, ["r"])
        send.assert_called_once_with(wake.QUEUED, [outlet.integration.pk])

    async def test_a_long_queue_stays_in_the_database_until_there_is_room(self) -> None:
        self.enterContext(mock.patch.object(lane, "MOST_QUEUED", 6))
        self.enterContext(mock.patch.object(lane_filler, "MOST_QUEUED", 6))
        self.enterContext(mock.patch.object(lane, "LOW", 3))
        outlet, backend = await make_outlet(), await Backend.make()
        names = [f"r-{number}" for number in range(5 * WINDOW)]
        async with await Pos.of(outlet) as pos:
            await self.ask(backend, outlet, names)
            (live,) = (await runtime.running()).registry
            assert live.lane is not None
            assert live.lane.length == 6
            assert self.loads.call_count == 0
            assert await self.frames(pos, len(names)) == names

    async def test_the_watcher_finds_the_oldest_request_that_a_process_has_missed(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            await self.ask(backend, outlet, [f"r-{number}" for number in range(WINDOW)])
            await in_main(stored_elsewhere, outlet.integration.pk, "missed")
            running = await runtime.running()
            (live,) = running.registry
            assert live.lane is not None
            missed = await in_main(lambda: Request.objects.get(request_id="missed").pk)
            # Let the newest request overtake the missed one.
            with mock.patch.object(lane.Lane, "has_all_until", return_value=True):
                await self.ask(backend, outlet, ["newest"])
            assert missed not in live.lane.known
            await running.dispatcher.poll()
            known = live.lane
            await until(lambda: missed in known.known)
            assert "missed" in await self.frames(pos, WINDOW + 2)


def stored_elsewhere(integration_id: int, request_id: str) -> None:
    """Store a request as another process would, without waking this process."""
    like = Request.objects.filter(integration=integration_id).latest("pk")
    like.pk, like.uuid, like.request_id, like.state = None, uuid.uuid4(), request_id, RequestState.QUEUED
    like.sent_at = like.last_sent_at = like.sent_by = None
    like.times_sent, like.send_before = 0, shared_now() + timedelta(minutes=1)
    like.save(force_insert=True)
