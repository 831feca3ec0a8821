"""Simulated tills that are saved in files, and many simulated tills in one process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from integrations.simulator import BackgroundPos, Credentials, Fault, Fleet, Plan, SimulatedPos, load_till
from integrations.simulator.fleet import SUMMARY_SECONDS, till_file_name
from tests.simulator.connected_till import ConnectedTill, request
from tests.support.servers.simulator_portal import LIMIT, ask, within


class SavedTill(ConnectedTill):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    async def test_the_till_is_on_disk_before_the_answer_leaves(self) -> None:
        path = self.folder / "till.json"
        async with self.connected_pos(till_file=path) as (_pos, socket):
            assert load_till(path).executed == []
            for number in range(3):
                await ask(socket, request(f"r-{number}", ProviderOrderID=f"p-{number}"))
                assert load_till(path).executed[-1] == f"r-{number}"
        assert [order.provider_order_id for order in load_till(path).orders[3:]] == ["p-0", "p-1", "p-2"]

    async def test_a_request_that_cannot_be_saved_is_not_answered_and_ends_the_pos(self) -> None:
        path = self.folder / "gone" / "till.json"
        pos = SimulatedPos(self.portal.credentials, timing=self.sleeps.timing, till_file=path)
        pos.start()
        socket = await self.portal.next_socket()
        path.unlink()
        path.parent.rmdir()
        await socket.send(json.dumps(request("r-1")))
        with pytest.raises(RuntimeError, match="has ended"):
            await pos.wait_for_closures(2)
        with pytest.raises(FileNotFoundError):
            await pos.stop()
        assert pos.journal.answers == 0

    async def test_another_pos_with_the_same_file_continues_where_the_first_ended(self) -> None:
        path = self.folder / "till.json"
        async with self.connected_pos(till_file=path) as (_pos, socket):
            first = await ask(socket, request("r-1"))
        async with self.connected_pos(till_file=path) as (pos, socket):
            assert await ask(socket, request("r-1")) == first
            assert (len(pos.till.orders), pos.till.executed) == (4, ["r-1"])

    async def test_a_till_in_a_thread_accepts_a_plan_and_a_file(self) -> None:
        executed = await asyncio.to_thread(self.meet_from_a_thread, asyncio.get_running_loop())
        assert executed == ["r-1"]

    def meet_from_a_thread(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        plan, path = Plan(script=[Fault.TWICE]), self.folder / "till.json"
        with BackgroundPos(self.portal.credentials, plan=plan, till_file=path) as background:
            background.wait_for_connections()
            asyncio.run_coroutine_threadsafe(self.ask_next_socket(), loop).result(LIMIT)
            background.wait_until(lambda: background.pos.journal.answers == 2)
            return load_till(path).executed

    async def ask_next_socket(self) -> None:
        await ask(await self.portal.next_socket(), request("r-1"))


class ManyPoses(ConnectedTill):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.said: asyncio.Queue[str] = asyncio.Queue()

    def credentials(self, count: int) -> list[Credentials]:
        return [Credentials.from_json(line) for line in self.portal.json_lines(count).splitlines()]

    @asynccontextmanager
    async def running_fleet(self, count: int, **options: Any) -> AsyncIterator[tuple[Fleet, list[ServerConnection]]]:
        fleet = Fleet(self.credentials(count), say=self.said.put_nowait, timing=self.sleeps.timing, **options)
        task = asyncio.create_task(fleet.run())
        yield fleet, [await self.portal.next_socket() for _ in range(count)]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_each_outlet_has_its_own_till_and_file(self) -> None:
        async with self.running_fleet(3, till_folder=self.folder) as (fleet, sockets):
            for socket in sockets:
                assert (await ask(socket, request("the same")))["ResultCode"] == 0
            assert [len(pos.till.orders) for pos in fleet.poses] == [4, 4, 4]
        files = sorted(self.folder.iterdir())
        assert [path.name for path in files] == ["outlet-1.json", "outlet-2.json", "outlet-3.json"]
        assert [load_till(path).executed for path in files] == [["the same"]] * 3
        assert [socket.close_code for socket in sockets] == [1000, 1000, 1000]
        assert [len(pos.closures) for pos in fleet.poses] == [1, 1, 1]

    async def test_beyond_twenty_a_summary_replaces_single_lines(self) -> None:
        async with self.running_fleet(21, plan=Plan(chances={Fault.TWICE: 1.0})) as (fleet, sockets):
            for pos in fleet.poses:
                await pos.wait_for_connections()
            await ask(sockets[0], request("r-1"))
            seconds, end = await self.sleeps.next()
            end.set()
            line = await within(self.said.get())
        assert seconds == SUMMARY_SECONDS
        assert line.startswith("connected 21 of 21, answers 2 (")
        assert line.endswith("orders 64, refusals 0, closures 0, twice 1")
        assert self.said.empty()

    async def test_an_outlets_id_cannot_point_outside_the_folder(self) -> None:
        (credentials,) = self.credentials(1)
        nasty = Credentials(**vars(credentials) | {"provider_outlet_id": "../a/b"})
        assert till_file_name(nasty) == "%2E%2E%2Fa%2Fb.json"
