"""Requests that are not durable: never on disk on their way, one try, recorded after they have ended.

The POS may be connected to this process, or to another that the channel layer reaches; without a layer only to this.
"""

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings

from integrations import metrics
from integrations.clock import shared_now
from integrations.models.request import State
from integrations.relay import wake
from integrations.relay.database import Joined
from integrations.relay.lane import Lane
from integrations.relay.outgoing import Answer, Fleeting, LinkLost, Unreadable
from integrations.relay.recorder import Recorder
from integrations.relay.registry import Live, Registry
from integrations.services import requests
from integrations.services.requests import (
    UNEQUAL_ATTEMPTS,
    Ending,
    NewRequest,
    NotCompared,
    OtherContent,
    OtherKey,
    PosOffline,
    QueueFull,
    Result,
    Waiting,
    is_same_content,
)

LINK_LOST = "The link was lost before the POS answered."
TAKEN_SECONDS = 2.0  # in which a process that has the POS says so; the rows may name one that has it no longer

Key = tuple[int, str]


@dataclass(slots=True)
class _Running:
    """A request that is under way, and those that have joined it."""

    first: NewRequest
    task: asyncio.Task[Result]
    unequal_attempts: int = 0

    def join(self, new: NewRequest) -> None:
        """Let the same request wait for the same answer. Raises NotStored, by the rules for what is stored."""
        if new is self.first:
            return
        if new.api_key_id != self.first.api_key_id:
            raise OtherKey
        if self.unequal_attempts >= UNEQUAL_ATTEMPTS:
            raise NotCompared
        if not is_same_content(new, self.first.content_digest):
            self.unequal_attempts += 1
            raise OtherContent


class Polls:
    """Used on the event loop only."""

    def __init__(self, registry: Registry, recorder: Recorder) -> None:
        self._registry = registry
        self._recorder = recorder
        self._online: Joined[int, bool] = Joined(requests.online)
        self._running: dict[Key, _Running] = {}
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._taken: dict[str, asyncio.Future[None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.channel: str | None = None  # this process's own on the layer, while it listens there

    async def ask(self, new: NewRequest) -> Result:
        """Return how the request ended, by its `answer_before`. Raises NotStored, or the database's error.

        The same RequestID that is under way already is joined, and not sent a second time.
        """
        key = (new.integration_id, new.request_id)
        if key not in self._running:
            self._running[key] = _Running(new, self._start(key, new))
        running = self._running[key]
        running.join(new)
        if new is running.first:
            return await asyncio.shield(running.task)
        try:
            return await asyncio.wait_for(asyncio.shield(running.task), _seconds_until(new.answer_before))
        except TimeoutError:  # the first has more time
            return Result(running.first.uuid, 0, State.EXPIRED, "", None, None, None)

    async def is_online(self, integration_id: int) -> bool:
        """Return whether the rows say that the POS is connected."""
        return bool(await self._online.find(integration_id))

    def asked(self, message: dict[str, Any]) -> None:
        """Ask this process's POS for another process; silence when the POS is not here."""
        live = self._registry.find(message["integration"])
        if live is None or live.lane is None:
            return
        task = asyncio.create_task(self._answer_process(live, live.lane, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def told(self, message: dict[str, Any]) -> None:
        """Take what another process's POS answered."""
        future = self._asked.get(message["ask"])
        if future is None or future.done():
            return
        match message:
            case {"taken": True}:
                _set(self._taken[message["ask"]])
            case {"answer": [int(code), error_message, payload]}:
                future.set_result(Answer(code, error_message, payload))
            case {"failure": "full"}:
                future.set_exception(QueueFull())
            case {"failure": "unreadable", "why": str(why)}:
                future.set_exception(Unreadable(why))
            case _:
                future.set_exception(LinkLost())

    @property
    def is_waited_for(self) -> bool:
        """Whether a caller here, or in another process, waits for a POS's answer."""
        return bool(self._running or self._answering)

    def let_go(self) -> None:
        """End all waiting: the process is about to end, and what other processes' POSes have not answered is lost."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(LinkLost())

    async def stop(self) -> None:
        """End what is under way; it is recorded as lost."""
        tasks: list[asyncio.Task[Any]] = [*self._answering, *(running.task for running in self._running.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Key, new: NewRequest) -> asyncio.Task[Result]:
        task = asyncio.create_task(self._ask(new))
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: Key, task: asyncio.Task[Result]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # read once, so that a caller who has gone leaves no warning

    async def _ask(self, new: NewRequest) -> Result:
        try:
            answer = await asyncio.wait_for(self._answer(new), _seconds_until(new.answer_before))
        except TimeoutError:
            return self._record(new, State.EXPIRED)
        except (LinkLost, asyncio.CancelledError):
            return self._record(new, State.FAILED, failure=LINK_LOST)
        except Unreadable as error:
            return self._record(new, State.FAILED, failure=str(error))
        return self._record(new, State.ANSWERED if answer.result_code == 0 else State.REFUSED, answer)

    async def _answer(self, new: NewRequest) -> Answer:
        live = self._registry.find(new.integration_id)
        if live is not None and live.lane is not None:
            return await _ask_here(live, live.lane, Waiting.of(new, 0))
        if isinstance(get_channel_layer(), InMemoryChannelLayer | None) or self.channel is None:
            raise PosOffline
        if not await self._online.find(new.integration_id):
            raise PosOffline
        return await self._ask_elsewhere(new, self.channel)

    async def _ask_elsewhere(self, new: NewRequest, channel: str) -> Answer:
        ask = uuid.uuid4().hex
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked[ask], self._taken[ask] = future, taken
        try:
            await wake.tell(_ask_message(new, ask, channel))
            either: tuple[asyncio.Future[Any], ...] = (future, taken)
            await asyncio.wait(either, timeout=TAKEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not (taken.done() or future.done()):
                raise LinkLost
            return await future
        finally:
            del self._asked[ask], self._taken[ask]

    async def _answer_process(self, live: Live, lane: Lane, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"type": wake.TOLD, "ask": message["ask"]}
        waiting = _waiting_of(message)
        await wake.reply(message["reply_to"], reply | {"taken": True})
        try:
            limit = _seconds_until(waiting.answer_before)
            answer = await asyncio.wait_for(_ask_here(live, lane, waiting), limit)
            reply["answer"] = [answer.result_code, answer.error_message, answer.payload]
        except TimeoutError:
            return
        except QueueFull:
            reply["failure"] = "full"
        except LinkLost:
            reply["failure"] = "lost"
        except Unreadable as error:
            reply |= {"failure": "unreadable", "why": str(error)}
        await wake.reply(message["reply_to"], reply)

    def _record(self, new: NewRequest, state: State, answer: Answer | None = None, failure: str = "") -> Result:
        said = (answer.result_code, answer.error_message, answer.payload) if answer else (None,) * 3
        ending = Ending(0, state, shared_now(), failure, *said)
        running = self._running[new.integration_id, new.request_id]
        self._recorder.fleeting(replace(new, unequal_attempts=running.unequal_attempts), ending)
        metrics.request_ended(state, (ending.at - new.received_at).total_seconds())
        return Result(new.uuid, 0, state, failure, *said)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _ask_here(live: Live, lane: Lane, waiting: Waiting) -> Answer:
    if lane.length >= settings.REQUESTS_QUEUED_PER_OUTLET:
        raise QueueFull
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    frame = live.socket.frame_of(waiting)
    lane.ask(Fleeting(waiting.request_id, frame, waiting.answer_before, answer, waiting.correlation_id))
    return await answer


def _ask_message(new: NewRequest, ask: str, reply_to: str) -> dict[str, Any]:
    return {
        "type": wake.ASK,
        "ask": ask,
        "reply_to": reply_to,
        "integration": new.integration_id,
        "request_id": new.request_id,
        "message_type": new.message_type,
        "device_id": new.device_id,
        "user_identifier": new.user_identifier,
        "payload": new.payload,
        "answer_before": new.answer_before.isoformat(),
        "correlation_id": new.correlation_id,
    }


def _waiting_of(message: dict[str, Any]) -> Waiting:
    answer_before = datetime.fromisoformat(message["answer_before"])
    return Waiting(
        pk=0,
        integration_id=message["integration"],
        request_id=message["request_id"],
        message_type=message["message_type"],
        device_id=message["device_id"],
        user_identifier=message["user_identifier"],
        payload=message["payload"],
        send_before=answer_before,
        answer_before=answer_before,
        was_sent=False,
        correlation_id=message.get("correlation_id", ""),  # the version before this one sends none
    )


def _seconds_until(moment: datetime) -> float:
    return max(0.0, (moment - shared_now()).total_seconds())
