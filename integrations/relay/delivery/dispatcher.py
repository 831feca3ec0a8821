"""Brings requests to the POSes of this process, and their ends to the calls that wait for them.

The rows decide (CONTRIBUTING.md, rule 1): a request is stored before its frame leaves, marked as sent before it leaves,
and ended in the database before anybody is told. What is in memory here only saves a look at them.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Coroutine, Iterable, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from integrations.models.clock import shared_now
from integrations.models.connection import NOT_BY_A_REQUEST, CloseReason
from integrations.models.request import State
from integrations.relay.retrying import until_back, until_done
from integrations.relay.sockets.lane import MOST_QUEUED, Lane
from integrations.relay.sockets.outgoing import Outgoing, named
from integrations.relay.sockets.registry import Live, Registry
from integrations.relay.wakeups import Wakeups
from integrations.services import wake
from integrations.services.requests import ending, holders, repeats, results, retries, sending, storing
from integrations.services.requests.request_types import Ending, NewRequest, NotStored, Result, Stored, Waiting
from integrations.services.rows.threads import Joined, readers, watchers, writers
from integrations.wire.envelope import Answer, Unreadable

UNKEPT = "The database refused what the POS answered."
UNSENDABLE = "It could not be sent: an error in the portal."
STOP_LIMIT = 5.0  # seconds that the end of the process waits for ends that are being written

Done = TypeVar("Done")
Told = asyncio.Future[Result | None]  # None: the process is about to end

logger = logging.getLogger(__name__)


class Dispatcher:
    """Used on the event loop only."""

    def __init__(self, registry: Registry, process_id: uuid.UUID, wakeups: Wakeups) -> None:
        self._registry = registry
        self._wakeups = wakeups
        self._process_id = process_id
        self._store: Joined[NewRequest, Stored | NotStored] = Joined(storing.store, threads=writers)
        self._claims: Joined[int, bool] = Joined(partial(sending.claim, process_id=process_id), threads=writers)
        self._releases: Joined[int, bool] = Joined(partial(holders.release, process_id=process_id), threads=writers)
        self._endings: Joined[Ending, Result] = Joined(ending.end, threads=writers)
        self._results: Joined[int, Result] = Joined(results.results)
        self._seen: Joined[NewRequest, bool] = Joined(repeats.seen)
        self._repeated: Joined[NewRequest, Stored | NotStored] = Joined(repeats.repeated, threads=writers)
        self._waiting: dict[int, set[Told]] = {}
        self._suspecting: dict[int, asyncio.Task[None]] = {}  # by integration, what is being written of lost requests
        self._tasks: set[asyncio.Task[Any]] = set()
        self._has_let_go = False

    def connected(self, live: Live, *, has_requests: bool) -> None:
        """Open the lane of a new connection and put on it what waits for this outlet.

        `has_requests` is what the rows said when the token was read, so that most connections cost no second look;
        what was stored in between is found by the next one (`look`).
        """
        live.lane = Lane(
            window=settings.REQUESTS_IN_FLIGHT,
            send=live.socket.transmit,
            claim=self._claim,
            hungry=lambda: self._fill(live),
            unsent=lambda pk: self._offer_again(live.integration_id, [pk]),
        )
        if has_requests:
            self._fill(live)

    def disconnected(self, live: Live, reason: CloseReason) -> None:
        """Close the lane; what was not answered goes out again on the outlet's next connection, also if it is there.

        `reason`: why the connection ended; where the POS or the link may have ended it, or the POS was replaced and did
        not answer in time, what was not answered is suspect.
        """
        if live.lane is None:
            return
        blamed = live.lane.blamed
        if others := [pk for pk in live.lane.unanswered if pk not in blamed]:
            self._offer_again(live.integration_id, others)
        if blamed:
            self._offer_again(live.integration_id, blamed, reason)
        live.lane.close()
        live.lane = None  # each has the other, and who has left is not to wait for the garbage collector

    async def submit(self, new: NewRequest, told: Told | None = None) -> Stored:
        """Store a request and send it on its way. Raises NotStored, or the database's error.

        The database may have stored it even so (a connection lost at the commit); it then goes out a little later. A
        caller that goes away meanwhile changes nothing: what is stored is sent. A request that is new will be told to
        `told` when it has ended, for as long as that is not cancelled.
        """
        return await asyncio.shield(self._go(self._submit(new, told)))

    async def find_repeated(self, new: NewRequest) -> Stored | None:
        """Return the request for which this one's RequestID stands already. Raises NotStored."""
        if not await self._seen.find(new):  # the comparison counts, so it waits for a locked database
            return None
        found = await self._repeated.find(new)
        if isinstance(found, NotStored):
            raise found
        return found

    async def wait(self, pk: int, seconds: float, told: Told | None = None) -> Result:
        """Return a request's result when it has ended, or how it stands after `seconds`.

        `told` is what `submit` was given, where it has stored the request as a new one: then nobody need look first. A
        database that is away meanwhile ends no wait; one that is away at its end raises.
        """
        if told is not None:
            return await self._wait_told(pk, told, seconds)
        told = asyncio.get_running_loop().create_future()
        self._tell_of(pk, told)
        try:
            found = await self._result_unless_away(pk)
            return found if found and found.is_final else await self._wait_told(pk, told, seconds)
        finally:
            told.cancel()

    def answered(self, live: Live, request_id: str, answer: Answer | Unreadable) -> bool:
        """Take a POS's answer; False when nothing on this connection waits for it.

        One that cannot be read ends the request as well: asked again, the POS would answer the same.
        """
        outgoing = live.lane.take_answer(request_id) if live.lane else None
        if outgoing is None:
            return False
        told: dict[str, Any] = {"outlet": live.provider_outlet_id}
        if isinstance(answer, Unreadable):
            logger.warning("A POS answers, and its answer cannot be read.", extra=named(outgoing) | told)
        else:
            logger.info("A POS answers.", extra=named(outgoing) | told | {"result_code": answer.result_code})
        if isinstance(outgoing, Outgoing):
            self._go(self._end(live, outgoing, answer))
        else:
            outgoing.finish(answer)
        return True

    async def ended(self, pks: Iterable[int]) -> None:
        """Tell the calls that wait here how these requests ended, in whatever process."""
        waited_for = [pk for pk in pks if pk in self._waiting]
        for result in await asyncio.gather(*map(self._results.find, waited_for)):
            if result is not None:
                self._tell(result)

    def queued(self, integration_id: int) -> None:
        """Look for new requests of an integration, if its POS is connected here."""
        if live := self._registry.find(integration_id):
            self._fill(live)

    async def look(self) -> None:
        """Do what nobody may have called for: end what is overdue, find what waits, tell who waits."""
        now = shared_now()
        for live in self._registry:
            if live.lane is not None:
                live.lane.drop_overdue(now)
        if len(self._registry):
            for integration_id, pk in await readers.run(sending.overlooked):
                self._find_overlooked(integration_id, pk)
        await self.ended(set(self._waiting))
        if expired := await watchers.run(ending.expire_due):  # last, as it may have to wait for other writers
            await self.ended(expired)

    @property
    def is_waited_for(self) -> bool:
        """Whether a caller of this process waits for a request's end."""
        return bool(self._waiting)

    def let_go(self) -> None:
        """End all waiting: the process is about to end, and each caller is told how its request stands."""
        self._has_let_go = True
        for future in [each for futures in self._waiting.values() for each in futures]:
            if not future.done():
                future.set_result(None)

    async def stop(self) -> None:
        """Wait for the ends that are being written; what the database does not take is asked of the POS again."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=STOP_LIMIT)
        for task in late:
            task.cancel()

    def _offer_again(self, integration_id: int, pks: Sequence[int], reason: CloseReason | None = None) -> None:
        """Let requests be sent again, after the end of a connection for this reason; None: it was not by them."""
        task = self._go(self._lost(pks, reason, after=self._suspecting.get(integration_id)))
        self._suspecting[integration_id] = task
        self._go(self._offer_after(task, integration_id))

    async def _offer_after(self, task: asyncio.Task[None], integration_id: int) -> None:
        await asyncio.wait({task})
        if self._suspecting.get(integration_id) is task:
            del self._suspecting[integration_id]
        self._offer(integration_id)

    async def _lost(self, pks: Sequence[int], reason: CloseReason | None, *, after: asyncio.Task[None] | None) -> None:
        """Write that a connection left these unanswered."""
        if after is not None:
            await asyncio.wait({after})
        if reason is None or reason in NOT_BY_A_REQUEST:
            await until_back(lambda: asyncio.gather(*map(self._releases.find, pks)), "A lost connection's record")
        else:
            await self._suspect(pks, reason)

    async def _suspect(self, pks: Sequence[int], reason: CloseReason) -> None:
        """Write which requests a connection's end left unanswered, and tell who waits for those that failed by it."""
        failed = await until_back(lambda: writers.run(retries.suspect, pks, reason), "A lost connection's record")
        for result in failed:
            logger.warning("A request has failed: %s", result.failure, extra={"id": str(result.uuid)})
            self._tell(result)
        if failed:
            self._wakeups.send(wake.ENDED, [result.pk for result in failed])

    async def _submit(self, new: NewRequest, told: Told | None) -> Stored:
        live = self._registry.find(new.integration_id)
        lane = live.lane if live else None
        has_place = lane is not None and not self._registry.unheard_by_older(new.integration_id) and lane.reserve()
        if live is not None:
            new = replace(new, socket_at=self._process_id, has_place=has_place)
        if live is None or lane is None:
            stored = await self._stored(new)
        elif has_place:
            return await self._submit_reserved(live, lane, new, told)
        else:
            lane.arriving += 1
            try:
                stored = await self._stored(new)
            finally:
                lane.arriving -= 1
        if stored.is_new:
            self._tell_of(stored.pk, told)
            if live is None or lane is None or not self._append(live, lane, new, stored):
                self._offer(new.integration_id)
        return stored

    def _append(self, live: Live, lane: Lane, new: NewRequest, stored: Stored) -> bool:
        """Put a request that was stored this moment behind the others of its lane; False: the lane must load it.

        Without this, each request that queues would have all those read that wait before it.
        """
        is_moving = live.integration_id in self._suspecting or self._registry.unheard_by_older(live.integration_id)
        if is_moving or live.lane is not lane or self._registry.find(live.integration_id) is not live:
            return False
        if lane.will_load:
            return True
        if not lane.has_all_until(stored.after):
            return False
        if lane.is_long:
            lane.more_waits = True
        elif outgoing := self._outgoing(live, Waiting.of(new, stored.pk, was_sent=False)):
            lane.offer(outgoing)
        return True

    async def _submit_reserved(self, live: Live, lane: Lane, new: NewRequest, told: Told | None) -> Stored:
        try:
            stored = await self._stored(new)
        except BaseException:
            lane.release()
            raise
        if not stored.is_new:
            lane.release()
            return stored
        self._tell_of(stored.pk, told)
        waiting = Waiting.of(new, stored.pk, was_sent=True)
        outgoing = self._outgoing(live, waiting) if stored.leaves else None
        if outgoing is not None:
            self._go(self._send_reserved(live, lane, outgoing))
            return stored
        lane.release()
        self._offer(live.integration_id)
        return stored

    async def _send_reserved(self, live: Live, lane: Lane, outgoing: Outgoing) -> None:
        # It is stored as sent. A connection that came, or comes, in this one's place looked before it was there.
        if not await lane.send_reserved(outgoing):
            self._offer_again(live.integration_id, [outgoing.pk])
        elif lane.is_closed or self._registry.find(live.integration_id) is not live:
            self._offer(live.integration_id)

    async def _stored(self, new: NewRequest) -> Stored:
        outcome = await self._store.find(new)
        if isinstance(outcome, NotStored):
            raise outcome
        if outcome is None:
            raise InterfaceError("A request vanished while it was stored.")
        return outcome

    def _offer(self, integration_id: int) -> None:
        """Let the process that has the outlet's POS look for its requests; wait for nothing."""
        if self._registry.find(integration_id):
            self.queued(integration_id)
            return
        self._wakeups.send(wake.QUEUED, [integration_id])

    def _find_overlooked(self, integration_id: int, pk: int) -> None:
        live = self._registry.find(integration_id)
        if live is not None and live.lane is not None and not live.lane.more_waits and pk not in live.lane.known:
            self._fill(live)

    def _fill(self, live: Live) -> None:
        """Put an integration's open requests on its lane; who asks meanwhile is served by one more look."""
        lane = live.lane
        if lane is None:
            return
        lane.look_again = True
        if not lane.is_loading:
            lane.is_loading = True  # from now on nothing new may overtake what is loaded
            self._go(self._load(live, lane))

    async def _load(self, live: Live, lane: Lane) -> None:
        try:
            while lane.look_again and not lane.is_closed:
                lane.look_again = False
                await until_done(lambda: self._load_some(live, lane), "Loading the requests of an outlet")
        finally:
            lane.is_loading = False

    async def _load_some(self, live: Live, lane: Lane) -> None:
        if lane.is_closed:
            return
        if writing := self._suspecting.get(live.integration_id):
            await asyncio.wait({writing})
        limit = MOST_QUEUED + len(lane.known)
        # First, because one may end meanwhile.
        elsewhere = self._registry.begun_by_older(live.integration_id)
        unheard = self._registry.unheard_by_older(live.integration_id)
        rows, held = await writers.run(holders.load, live.integration_id, limit, self._process_id, live.opened_at)
        lane.more_waits = len(rows) == limit
        self._put_on(live, lane, [each for each in rows if each.pk not in elsewhere - unheard], held | unheard)

    def _put_on(self, live: Live, lane: Lane, rows: Iterable[Waiting], elsewhere: Set[int]) -> None:
        """Put requests on a lane, as far as the first that another connection may still bring an answer to."""
        for waiting in rows:
            if waiting.pk in elsewhere:
                lane.load_soon()
                if not waiting.disconnects:
                    return
            elif outgoing := self._outgoing(live, waiting):
                lane.offer(outgoing)

    def _outgoing(self, live: Live, waiting: Waiting) -> Outgoing | None:
        """Return a request as it is to be sent; end it where that fails: it must not hold up those after it."""
        try:
            return _outgoing(live, waiting)
        except Exception:
            logger.exception("A request could not be written as a frame; it has failed.", extra={"id": waiting.pk})
        self._go(self._fail(waiting.pk))
        return None

    async def _fail(self, pk: int) -> None:
        self._tell_everywhere(await self._ended(Ending(pk, State.FAILED, shared_now(), failure=UNSENDABLE)))

    async def _claim(self, pk: int) -> bool:
        return bool(await self._claims.find(pk))

    async def _end(self, live: Live, outgoing: Outgoing, answer: Answer | Unreadable) -> None:
        result = await self._ended(_ending(outgoing.pk, answer))
        if live.lane is not None:
            live.lane.forget(outgoing.pk)
        self._tell_everywhere(result)

    def _tell_everywhere(self, result: Result | None) -> None:
        if result is not None:
            self._tell(result)
            self._wakeups.send(wake.ENDED, [result.pk])

    async def _ended(self, ending: Ending) -> Result | None:
        with contextlib.suppress(Exception):  # of a batch that holds others: one of them may be the cause
            return await until_back(lambda: self._endings.find(ending), "An answer")
        try:
            return await until_back(lambda: self._ended_alone(ending), "An answer")
        except Exception:
            logger.exception("An answer cannot be stored; its request has failed.")
        failed = Ending(ending.pk, State.FAILED, ending.at, failure=UNKEPT)
        return await until_done(lambda: self._ended_alone(failed), "Ending a request")

    async def _ended_alone(self, its_end: Ending) -> Result | None:
        return (await writers.run(ending.end, [its_end])).get(its_end)

    async def _wait_told(self, pk: int, told: Told, seconds: float) -> Result:
        result = None
        if not self._has_let_go:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    result = await told
        return result or await self._result(pk)

    async def _result_unless_away(self, pk: int) -> Result | None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            return await self._result(pk)
        return None

    async def _result(self, pk: int) -> Result:
        result = await self._results.find(pk)
        if result is None:
            raise InterfaceError("The request is not there any more.")
        return result

    def _tell_of(self, pk: int, told: Told | None) -> None:
        """Tell a request's end to `told`, until that is done or cancelled."""
        if told is not None and not told.done():
            self._waiting.setdefault(pk, set()).add(told)
            told.add_done_callback(lambda done: self._forget(pk, done))

    def _forget(self, pk: int, told: Told) -> None:
        waiting = self._waiting.get(pk, set())
        waiting.discard(told)
        if not waiting:
            self._waiting.pop(pk, None)

    def _tell(self, result: Result) -> None:
        if not result.is_final:
            return
        for told in self._waiting.get(result.pk, ()):
            if not told.done():
                told.set_result(result)

    def _go(self, work: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, NotStored | DatabaseError | InterfaceError):
            logger.error("The relay met a fault of ours.", exc_info=error)


def _ending(pk: int, answer: Answer | Unreadable) -> Ending:
    if isinstance(answer, Unreadable):
        return Ending(pk, State.FAILED, shared_now(), failure=str(answer))
    return Ending(
        pk=pk,
        state=State.ANSWERED if answer.result_code == 0 else State.REFUSED,
        at=shared_now(),
        result_code=answer.result_code,
        error_message=answer.error_message,
        answer=answer.payload,
    )


def _outgoing(live: Live, waiting: Waiting) -> Outgoing:
    return Outgoing(
        pk=waiting.pk,
        request_id=waiting.request_id,
        frame=live.socket.frame_of(waiting),
        send_before=waiting.answer_before if waiting.was_sent else waiting.send_before,
        answer_before=waiting.answer_before,
        correlation_id=waiting.correlation_id,
        disconnects=waiting.disconnects,
        retry_at=waiting.retry_at,
    )
