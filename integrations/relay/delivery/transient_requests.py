"""Handles transient requests, which are sent at most once and stored only after they have ended.

The POS may be connected to this process or, with a channel layer, to another one.
"""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings

from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.relay.delivery.ask_messages import read_ask, write_ask
from integrations.relay.delivery.background_tasks import Background
from integrations.relay.records.recorder import Recorder
from integrations.relay.records.transient_records import TRANSIENT_KEPT, TransientEnded
from integrations.relay.sockets.lane import Lane
from integrations.relay.sockets.outgoing import LinkLost, Transient
from integrations.relay.sockets.registry import Live, Registry
from integrations.services import metrics, wake
from integrations.services.futures import error_of, succeed
from integrations.services.requests import storing
from integrations.services.requests.repeats import UNEQUAL_ATTEMPTS, is_same_content
from integrations.services.requests.request_types import (
    Ending,
    NewRequest,
    NotCompared,
    OtherContent,
    OtherKey,
    PosOffline,
    QueueFull,
    Result,
    TooLate,
    Waiting,
)
from integrations.services.rows.threads import Joined
from integrations.wire.envelope import Answer, Unreadable

LINK_LOST = "The link was lost before the POS answered."
REFUSED_SECONDS = 0.25  # how long `begin` waits for a refusal; its caller does not wait for the answer
ACKNOWLEDGE_SECONDS = 2.0  # how long to wait for the other process to acknowledge; it may no longer have the POS

Key = tuple[int, str]


@dataclass(slots=True)
class _Underway:
    """A request that is in progress, or has ended but is not in the database yet. Repeated calls can join it."""

    first: NewRequest
    task: asyncio.Task[Result]
    unequal_attempts: int = 0
    transient: Transient | None = None  # the request on its lane, if the POS is connected to this process
    is_elsewhere: bool = False  # the request was passed to another process
    is_recorded: bool = False

    @property
    def was_sent(self) -> bool:
        """Whether its frame was sent, as far as this process knows."""
        return self.is_elsewhere or (self.transient is not None and self.transient.was_sent)

    def join(self, new: NewRequest) -> None:
        """Let a repeated request share this one's answer. Raises NotStored by the same rules as for stored requests."""
        if new is self.first:
            return
        if new.api_key_id != self.first.api_key_id:
            raise OtherKey
        if self.unequal_attempts >= UNEQUAL_ATTEMPTS:
            raise NotCompared
        if not is_same_content(new, self.first.content_digest):
            self.unequal_attempts += 1
            raise OtherContent


class TransientRequests:
    """The transient requests of this process. Use it on the event loop only."""

    def __init__(self, registry: Registry, recorder: Recorder) -> None:
        self._registry = registry
        self._recorder = recorder
        self._online: Joined[int, bool] = Joined(storing.online)
        self._running: dict[Key, _Underway] = {}
        self._ended: dict[Key, _Underway] = {}  # the oldest first; at most as many as the recorder keeps
        self._looked_up: Counter[Key] = Counter()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._taken: dict[str, asyncio.Future[None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._background = Background()
        recorder.transient_recorded = self._recorded
        self.channel: str | None = None  # this process's channel of the layer; None while the process does not read it

    async def ask(self, new: NewRequest, seconds: float) -> Result:
        """Send a request and return its result, at `answer_before` at the latest. Raises NotStored or a database error.

        If this process already has a request with this RequestID, nothing is sent again. The call then waits at most
        `seconds` for that request and returns its result or its current state.
        """
        key = _key_of(new)
        underway = self._known(key)
        if underway is None:
            if new.answer_before <= shared_now():
                raise TooLate
            underway = self._running[key] = _Underway(new, self._start(key, new))
        if underway.first is new:
            return await asyncio.shield(underway.task)  # this caller may leave while other calls still wait
        underway.join(new)
        await asyncio.wait({underway.task}, timeout=seconds)
        return underway.task.result() if underway.task.done() else _still_open(underway)

    async def begin(self, new: NewRequest) -> None:
        """Start a request and return without its answer. Raises NotStored if it is refused at once."""
        task = self._background.start(self.ask(new, 0))
        await asyncio.wait({task}, timeout=REFUSED_SECONDS)
        if task.done():
            task.result()

    def join(self, new: NewRequest) -> uuid.UUID | None:
        """Join the request with this RequestID and return its id; return None if there is none. Raises NotStored.

        Only finds requests that are in progress or not in the database yet.
        """
        underway = self._known(_key_of(new))
        if underway is None:
            return None
        underway.join(new)
        return underway.first.uuid

    @contextlib.contextmanager
    def looking_up(self, new: NewRequest) -> Iterator[None]:
        """Keep the request with this RequestID in memory during a look-up, even after it has been recorded."""
        key = _key_of(new)
        self._looked_up[key] += 1
        try:
            yield
        finally:
            self._looked_up[key] -= 1
            if not self._looked_up[key]:
                del self._looked_up[key]
                self._forget(key)

    async def is_online(self, integration_id: int) -> bool:
        """Return whether the POS is connected to any process, according to the database."""
        return bool(await self._online.find(integration_id))

    def handle_ask(self, message: dict[str, Any]) -> None:
        """Send a request on behalf of another process, if the POS is connected to this one; otherwise do nothing."""
        live = self._registry.find(message["integration"])
        if live is None or live.lane is None:
            return
        task = asyncio.create_task(self._answer_process(live, live.lane, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Handle the reply of another process to a request that this process passed on."""
        future = self._asked.get(message["ask"])
        if future is None or future.done():
            return
        match message:
            case {"taken": True}:
                succeed(self._taken[message["ask"]], None)
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
        """Whether a call in this or another process waits for a POS's answer."""
        return bool(self._running or self._answering)

    def end_waits(self) -> None:
        """Stop waiting for POSes connected to other processes, as this process is stopping; their answers are lost."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(LinkLost())

    async def stop(self) -> None:
        """End the requests in progress; they are recorded as lost."""
        tasks: list[asyncio.Task[Any]] = [*self._answering, *(underway.task for underway in self._running.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Key, new: NewRequest) -> asyncio.Task[Result]:
        task = asyncio.create_task(self._ask(new))
        task.add_done_callback(lambda done: self._end(key, done))
        return task

    def _end(self, key: Key, task: asyncio.Task[Result]) -> None:
        underway = self._running.pop(key)
        if error_of(task) is None and not task.cancelled():  # a failed task is not recorded
            self._ended[key] = underway
            if len(self._ended) > TRANSIENT_KEPT:
                del self._ended[next(iter(self._ended))]

    def _known(self, key: Key) -> _Underway | None:
        return self._running.get(key) or self._ended.get(key)

    def _recorded(self, written: Iterable[TransientEnded]) -> None:
        """Forget these requests, which the database has stored or rejected."""
        for each in written:
            underway = self._ended.get(_key_of(each.new))
            if underway is None or underway.first.uuid != each.new.uuid:
                continue
            if underway.unequal_attempts > each.new.unequal_attempts:  # more attempts arrived during the write
                more = replace(each.new, unequal_attempts=underway.unequal_attempts)
                self._recorder.record(replace(each, new=more))
            else:
                underway.is_recorded = True
                self._forget(_key_of(each.new))

    def _forget(self, key: Key) -> None:
        underway = self._ended.get(key)
        if underway is not None and underway.is_recorded and key not in self._looked_up:
            del self._ended[key]

    async def _ask(self, new: NewRequest) -> Result:
        try:
            async with asyncio.timeout(_seconds_until(new.answer_before)):
                answer = await self._answer(new)
        except TimeoutError:
            return self._record(new, RequestState.EXPIRED)
        except (LinkLost, asyncio.CancelledError):
            return self._record(new, RequestState.FAILED, failure=LINK_LOST)
        except Unreadable as error:
            return self._record(new, RequestState.FAILED, failure=str(error))
        return self._record(new, RequestState.ANSWERED if answer.result_code == 0 else RequestState.REFUSED, answer)

    async def _answer(self, new: NewRequest) -> Answer:
        underway = self._running[_key_of(new)]
        live = self._registry.find(new.integration_id)
        if live is not None and live.lane is not None:
            underway.transient = _transient(live, live.lane, Waiting.of(new, 0, was_sent=True))
            await live.lane.ask(underway.transient)
            return await underway.transient.answer
        if isinstance(get_channel_layer(), InMemoryChannelLayer | None) or self.channel is None:
            raise PosOffline
        if not await self._online.find(new.integration_id):
            raise PosOffline
        underway.is_elsewhere = True
        return await self._ask_elsewhere(new, self.channel)

    async def _ask_elsewhere(self, new: NewRequest, channel: str) -> Answer:
        ask = uuid.uuid4().hex
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked[ask], self._taken[ask] = future, taken
        try:
            if not await wake.broadcast(write_ask(new, ask, channel)):
                raise LinkLost
            either: tuple[asyncio.Future[Any], ...] = (future, taken)
            await asyncio.wait(either, timeout=ACKNOWLEDGE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not (taken.done() or future.done()):
                raise LinkLost
            return await future
        finally:
            del self._asked[ask], self._taken[ask]

    async def _answer_process(self, live: Live, lane: Lane, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"type": wake.ANSWERED, "ask": message["ask"]}
        waiting = read_ask(message)
        await wake.reply(message["reply_to"], reply | {"taken": True})
        try:
            transient = _transient(live, lane, waiting)
            async with asyncio.timeout(_seconds_until(waiting.answer_before)):
                await lane.ask(transient)
                answer = await transient.answer
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

    def _record(self, new: NewRequest, state: RequestState, answer: Answer | None = None, failure: str = "") -> Result:
        ending = Ending(
            pk=0,
            state=state,
            at=shared_now(),
            failure=failure,
            result_code=answer.result_code if answer else None,
            error_message=answer.error_message if answer else None,
            answer=answer.payload if answer else None,
        )
        underway = self._running[_key_of(new)]
        if underway.unequal_attempts or not underway.was_sent:
            new = replace(new, unequal_attempts=underway.unequal_attempts, was_sent=underway.was_sent)
        self._recorder.record(TransientEnded(new, ending))
        metrics.request_ended(state, (ending.at - new.received_at).total_seconds())
        return Result.of(ending, new.uuid)


def _transient(live: Live, lane: Lane, waiting: Waiting) -> Transient:
    """Return a request in the form that a lane sends. Raises QueueFull if too many already wait on the lane."""
    if lane.length >= settings.REQUESTS_QUEUED_PER_OUTLET:
        raise QueueFull
    return Transient(
        request_id=waiting.request_id,
        frame=live.socket.frame_of(waiting),
        answer_before=waiting.answer_before,
        answer=asyncio.get_running_loop().create_future(),
        correlation_id=waiting.correlation_id,
        traceparent=waiting.traceparent,
    )


def _still_open(underway: _Underway) -> Result:
    state = RequestState.SENT if underway.was_sent else RequestState.QUEUED
    return Result(uuid=underway.first.uuid, pk=0, state=state)


def _key_of(new: NewRequest) -> Key:
    return new.integration_id, new.request_id


def _seconds_until(moment: datetime) -> float:
    return max(0.0, (moment - shared_now()).total_seconds())
