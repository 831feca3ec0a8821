"""Requests for a till that moves between processes keep their order; a request is sent by one process at a time."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from unittest import mock

from django.utils import timezone

from integrations.models import Request, ServerProcess
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.services.requests import ending, holders, retries, sending
from integrations.services.requests.request_types import Ending
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import Enabled
from tests.support.in_process import InProcess, in_main, until


@dataclass(frozen=True)
class Scene:
    """An outlet whose request `r-1` was sent by another process (`other`), over a connection of that process."""

    outlet: Enabled
    backend: Backend
    other: uuid.UUID

    @classmethod
    async def make(cls) -> Self:
        scene = cls(await make_outlet(), await Backend.make(), await in_main(other_process))
        await scene.send("r-1")
        await in_main(mark_as_sent, scene.other)
        return scene

    async def send(self, name: str) -> None:
        answer = await self.backend.ask(self.outlet, request_id=name, mode="async", expires_in=60)
        assert answer.status == 202


class HeldByAnotherProcess(InProcess):
    async def test_a_request_sent_by_another_process_is_not_sent_again_and_blocks_newer_ones(self) -> None:
        scene = await Scene.make()
        async with await Pos.of(scene.outlet) as pos:
            await scene.send("r-2")
            await until_loaded_twice()
            assert not pos.has_more()
            await in_main(holders.release, [await pk_of("r-1")], scene.other)
            assert [(await pos.next_frame())["RequestID"] for _ in range(2)] == ["r-1", "r-2"]
        assert await in_main(times_sent) == {"r-1": 2, "r-2": 1}

    async def test_the_newer_request_is_sent_after_the_other_process_stores_its_answer(self) -> None:
        scene = await Scene.make()
        async with await Pos.of(scene.outlet) as pos:
            await scene.send("r-2")
            await in_main(end, await pk_of("r-1"))
            assert (await pos.next_frame())["RequestID"] == "r-2"
            assert not pos.has_more()

    async def test_a_dead_process_no_longer_holds_a_request(self) -> None:
        scene = await Scene.make()
        await in_main(ServerProcess.objects.filter(pk=scene.other).update, ended_at=timezone.now())
        async with await Pos.of(scene.outlet) as pos:
            assert (await pos.next_frame())["RequestID"] == "r-1"

    async def test_a_process_without_heartbeats_no_longer_holds_a_request(self) -> None:
        scene = await Scene.make()
        with mock.patch.object(holders, "HELD", timedelta(0)):
            async with await Pos.of(scene.outlet) as pos:
                assert (await pos.next_frame())["RequestID"] == "r-1"

    async def test_a_process_that_may_have_closed_its_connection_does_not_block_newer_requests(self) -> None:
        scene = await Scene.make()
        await in_main(Request.objects.update, disconnects=1, retry_at=timezone.now())
        async with await Pos.of(scene.outlet) as pos:
            await scene.send("r-2")
            assert (await pos.next_frame())["RequestID"] == "r-2"
            assert not pos.has_more()


class OneProcess(InProcess):
    async def test_requests_of_the_same_process_do_not_block_each_other(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            for name in ("r-1", "r-2"):
                await backend.ask(outlet, request_id=name, mode="async")
                assert (await pos.next_frame())["RequestID"] == name
        assert await in_main(times_sent) == {"r-1": 1, "r-2": 1}

    async def test_only_one_of_two_processes_can_claim_a_request(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
        pk = await pk_of("r-1")
        one, two = uuid.uuid4(), uuid.uuid4()
        claims = [await in_main(sending.claim, [pk], process) for process in (one, two, one)]
        assert claims == [{pk: True}, {}, {pk: True}]

    async def test_a_closed_connection_releases_its_unanswered_requests(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        for code in (1001, 1006):
            async with await Pos.of(outlet) as pos:
                asking = asyncio.ensure_future(backend.ask(outlet, request_id=f"r-{code}", mode="async"))
                await pos.next_frame()
                assert (await asking).status == 202
                assert await in_main(holder_of, f"r-{code}") == running.process_id
                await pos.disconnect(code)
            await until_released(f"r-{code}")

    async def test_a_disconnect_by_staff_releases_the_requests(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        async with await Pos.of(outlet) as pos:
            await backend.ask(outlet, request_id="r-1", mode="async")
            await pos.next_frame()
            (live,) = running.registry
            live.socket.close_soon(CloseReason.DISCONNECTED)
            await until_released("r-1")

    async def test_a_disconnect_that_counts_as_a_failure_releases_the_requests(self) -> None:
        await Scene.make()
        await in_main(retries.suspect, [await pk_of("r-1")], CloseReason.LINK_LOST)
        assert await in_main(holder_of, "r-1") is None


def other_process() -> uuid.UUID:
    now = shared_now()
    return ServerProcess.objects.create(host="other", pid=1, started_at=now, heartbeat_at=now).pk


def mark_as_sent(process_id: uuid.UUID) -> None:
    now = shared_now()
    Request.objects.update(state=RequestState.SENT, sent_at=now, last_sent_at=now, times_sent=1, sent_by=process_id)


def end(pk: int) -> None:
    ending.end([Ending(pk, RequestState.ANSWERED, shared_now(), result_code=0)])


async def pk_of(name: str) -> int:
    return (await Request.objects.aget(request_id=name)).pk


def holder_of(name: str) -> uuid.UUID | None:
    return Request.objects.get(request_id=name).sent_by


def times_sent() -> dict[str, int]:
    return dict(Request.objects.values_list("request_id", "times_sent"))


async def until_released(name: str) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while await in_main(holder_of, name) is not None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def until_loaded_twice() -> None:
    with mock.patch.object(holders, "load", wraps=holders.load) as load:
        await until(lambda: load.call_count >= 2)
