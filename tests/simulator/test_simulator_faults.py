"""The simulated till over the socket: every fault that it can cause."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from integrations.simulator import Fault, Plan
from tests.simulator.connected_till import PATIENCE, SOUP_LINE, ConnectedTill, request
from tests.support.servers.simulator_portal import ask, within


class Misbehaving(ConnectedTill):
    def script(self, *faults: Fault | None, **options: Any) -> Any:
        return self.connected_pos(plan=Plan(script=faults, **options))

    async def test_a_late_answer_does_not_delay_others(self) -> None:
        async with self.script(Fault.LATE, delay=(5.0, 7.0)) as (pos, socket):
            await socket.send(json.dumps(request("slow")))
            seconds, end = await self.sleeps.next()
            assert (await ask(socket, request("quick")))["RequestID"] == "quick"
            assert 5.0 <= seconds <= 7.0
            assert pos.till.executed == ["slow", "quick"]
            end.set()
            assert (await self.next_answer(socket))["RequestID"] == "slow"

    async def test_a_request_whose_answer_never_comes_was_executed_and_is_answered_when_repeated(self) -> None:
        async with self.script(Fault.NEVER) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            await pos.wait_until(lambda: pos.journal.executions == 1)
            answered = await ask(socket, request("r-1"))
            assert (answered["ResultCode"], len(pos.till.orders), pos.journal.answers) == (0, 4, 1)
            assert pos.journal.faults == {Fault.NEVER: 1}

    async def test_an_answer_may_come_twice_although_the_request_was_executed_once(self) -> None:
        async with self.script(Fault.TWICE) as (pos, socket):
            first = await ask(socket, request("r-1"))
            assert await self.next_answer(socket) == first
            assert (len(pos.till.orders), pos.journal.answers, pos.journal.executions) == (4, 2, 1)

    async def test_answers_may_come_out_of_order(self) -> None:
        async with self.script(Fault.OUT_OF_ORDER, Fault.OUT_OF_ORDER) as (_pos, socket):
            for request_id in ("1", "2"):
                await socket.send(json.dumps(request(request_id)))
                await self.sleeps.next()
            answered = [(await ask(socket, request("3")))["RequestID"]]
            answered += [(await self.next_answer(socket))["RequestID"] for _ in range(2)]
            assert answered == ["3", "2", "1"]

    async def test_an_answer_held_back_for_another_is_sent_after_a_time_limit(self) -> None:
        async with self.script(Fault.OUT_OF_ORDER) as (_pos, socket):
            await socket.send(json.dumps(request("1")))
            _seconds, end = await self.sleeps.next()
            end.set()
            assert (await self.next_answer(socket))["RequestID"] == "1"

    async def test_garbage_replaces_the_answer(self) -> None:
        async with self.script(*[Fault.GARBAGE] * 20) as (pos, socket):
            frames = set()
            for number in range(20):
                await socket.send(json.dumps(request(f"r-{number}")))
                frames.add(await within(socket.recv()))
            assert not [frame for frame in frames if is_an_answer(frame)]
            assert len(frames) > 5
            assert (len(pos.till.orders), pos.closures) == (23, [])

    async def test_a_request_whose_link_is_dropped_before_its_execution_is_executed_when_repeated(self) -> None:
        async with self.script(Fault.DROP_BEFORE) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1001)
            assert pos.till.executed == []
            assert (await ask(await self.portal.next_socket(), request("r-1")))["ResultCode"] == 0
            assert pos.till.executed == ["r-1"]

    async def test_a_request_whose_link_is_dropped_after_its_execution_is_answered_on_the_next_link(self) -> None:
        async with self.script(Fault.DROP_AFTER) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1001)
            assert pos.till.executed == ["r-1"]
            assert (await ask(await self.portal.next_socket(), request("r-1")))["ResultCode"] == 0
            assert (len(pos.till.orders), pos.till.executed) == (4, ["r-1"])

    async def test_a_pos_may_vanish_without_a_close_frame(self) -> None:
        async with self.script(Fault.VANISH) as (pos, socket):
            await self.assert_dropped(socket, request("r-1"), close_code=1006)
            assert pos.till.executed == ["r-1"]
            await self.portal.next_socket()
            assert (await pos.wait_for_closures()).code == 1006

    async def test_requests_after_a_dropped_one_are_not_executed(self) -> None:
        async with self.script(Fault.DROP_BEFORE) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            await socket.send(json.dumps(request("r-2")))
            await self.portal.next_socket()
            assert pos.till.executed == []

    async def test_a_late_answer_is_lost_with_its_connection(self) -> None:
        async with self.script(Fault.LATE, delay=(5.0, 5.0)) as (pos, socket):
            await socket.send(json.dumps(request("r-1")))
            _seconds, end = await self.sleeps.next()
            await socket.close()
            again = await self.portal.next_socket()
            end.set()
            assert (await ask(again, request("r-1")))["RequestID"] == "r-1"
            assert pos.journal.answers == 1

    async def test_a_request_that_is_repeated_until_answered_is_executed_once_whatever_fails(self) -> None:
        chances = dict.fromkeys(Fault, 0.1)
        async with self.connected_pos(plan=Plan(chances=chances, seed=7)) as (pos, first_socket):
            socket = first_socket
            for number in range(60):
                socket = await self.repeat_until_answered(socket, request(f"r-{number}", Products=[SOUP_LINE]))
            assert pos.till.executed == [f"r-{number}" for number in range(60)]
            assert len(pos.till.orders) == 63
            assert pos.journal.faults.keys() == set(Fault)

    async def repeat_until_answered(self, socket: ServerConnection, asked: dict[str, Any]) -> ServerConnection:
        while True:
            try:
                await socket.send(json.dumps(asked))
                await asyncio.wait_for(self.answer_to(socket, asked["RequestID"]), PATIENCE)
            except TimeoutError:
                continue
            except ConnectionClosed:
                socket = await self.portal.next_socket()
            else:
                return socket

    async def answer_to(self, socket: ServerConnection, request_id: str) -> None:
        async for frame in socket:
            if is_an_answer(frame) and json.loads(frame)["RequestID"] == request_id:
                return
        raise ConnectionClosedOK(None, None)

    async def assert_dropped(self, socket: ServerConnection, asked: dict[str, Any], *, close_code: int) -> None:
        await socket.send(json.dumps(asked))
        with pytest.raises(ConnectionClosed):
            await within(socket.recv())
        assert socket.close_code == close_code


def is_an_answer(frame: str | bytes) -> bool:
    try:
        decoded = json.loads(frame) if isinstance(frame, str) else None
    except ValueError:
        return False
    return isinstance(decoded, dict) and str(decoded["RequestID"]).startswith("r-")
