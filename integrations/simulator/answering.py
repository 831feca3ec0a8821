"""Serves one connection: executes each request at once, and sends each answer when and how the plan says."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from integrations.simulator import till_messages
from integrations.simulator.desk import Desk, Reply
from integrations.simulator.journal import Journal
from integrations.simulator.misbehaviour import Behaviour, Fault

HELD_SECONDS = 1.0
GOING_AWAY = 1001


class _LinkDropped(Exception):
    """Raised when the plan drops the connection; further frames that arrived on it are ignored."""


class Answering:
    """Executes requests in the order of their arrival; a late answer does not delay others."""

    def __init__(
        self,
        connection: ClientConnection,
        *,
        desk: Desk,
        behaviour: Behaviour,
        journal: Journal,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._behaviour = behaviour
        self._journal = journal
        self._sleep = sleep
        self._late: set[asyncio.Task[None]] = set()
        self._held: list[Reply] = []

    async def serve(self) -> None:
        """Serve until the connection ends. Answers that have not been sent by then are lost."""
        try:
            with contextlib.suppress(ConnectionClosed, _LinkDropped):
                async for frame in self._connection:
                    await self._take(frame)
        finally:
            for task in self._late:
                task.cancel()

    async def _take(self, frame: str | bytes) -> None:
        try:
            request = self._desk.read(frame)
        except till_messages.NotARequestError as error:
            self._journal.note_ignored_frame(error)
            return
        fault = self._behaviour.next_fault()
        if fault:
            self._journal.note_fault(request, fault)
        if fault is Fault.DROP_BEFORE:
            await self._drop()
        reply = self._desk.reply(request)
        self._journal.note_execution(reply)
        await self._answer(reply, fault)

    async def _answer(self, reply: Reply, fault: Fault | None) -> None:
        if fault is Fault.DROP_AFTER:
            await self._drop()
        if fault is Fault.VANISH:
            await self._vanish()
        if fault is Fault.NEVER:
            return
        delay = self._behaviour.delay(fault)
        if not delay and fault is not Fault.OUT_OF_ORDER:
            await self._send(reply, fault)
            return
        self._begin(self._answer_late(reply, fault, delay))

    async def _answer_late(self, reply: Reply, fault: Fault | None, delay: float) -> None:
        with contextlib.suppress(ConnectionClosed):
            if delay:
                await self._sleep(delay)
            if fault is Fault.OUT_OF_ORDER:
                await self._hold(reply)
                return
            await self._send(reply, fault)

    async def _send(self, reply: Reply, fault: Fault | None) -> None:
        if fault is Fault.GARBAGE:
            await self._connection.send(self._behaviour.garbage(reply.text))
            return
        await self._send_text(reply)
        if fault is Fault.TWICE:
            await self._send_text(reply)
        while self._held:
            await self._send_text(self._held.pop())

    async def _hold(self, reply: Reply) -> None:
        """Hold the reply until the next answer is sent, or for HELD_SECONDS if there is none.

        If several replies are held, the newest is sent first.
        """
        self._held.append(reply)
        await self._sleep(HELD_SECONDS)
        if reply in self._held:
            self._held.remove(reply)
            await self._send_text(reply)

    async def _send_text(self, reply: Reply) -> None:
        await self._connection.send(reply.text)
        self._journal.note_answer(reply.request, reply.answer)

    async def _drop(self) -> None:
        await self._connection.close(GOING_AWAY)
        raise _LinkDropped

    async def _vanish(self) -> None:
        """Abort the transport, and wait until the connection is lost.

        Without the wait, the journal would record that the POS closed the socket.
        """
        self._connection.transport.abort()
        await self._connection.wait_closed()
        raise _LinkDropped

    def _begin(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
