"""Dispatches requests to the POSes of this process, and their results to the waiting calls.

The database is the source of truth (CONTRIBUTING.md, rule 1). A request is stored and marked as sent before its frame
is sent. Its result is stored before any caller gets it. This process keeps state in memory only to save database reads.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any

from django.conf import settings

from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.relay.delivery.background_tasks import Background
from integrations.relay.delivery.endings import Endings
from integrations.relay.delivery.lane_filler import LaneFiller
from integrations.relay.delivery.submitter import Submitter
from integrations.relay.delivery.waiters import Completion, Waiters
from integrations.relay.sockets.lane import Lane
from integrations.relay.sockets.outgoing import Outgoing, named
from integrations.relay.sockets.registry import Live, Registry
from integrations.relay.wakeups import Wakeups
from integrations.services.requests import ending, sending
from integrations.services.requests.request_types import NewRequest, Result, Stored
from integrations.services.rows.shared_writes import SharedWrite, SharedWrites
from integrations.services.rows.threads import readers, watchers
from integrations.wire.envelope import Answer, Unreadable

STOP_LIMIT = 5.0  # seconds for which a stopping process waits for results that are being written

logger = logging.getLogger(__name__)


class Dispatcher:
    """The dispatcher of one process. Use it on the event loop only."""

    def __init__(self, registry: Registry, process_id: uuid.UUID, wakeups: Wakeups) -> None:
        self._registry = registry
        self._background = Background()
        self._waiters = Waiters()
        shared = SharedWrites()
        self._endings = Endings(self._waiters, wakeups, shared)
        self._filler = LaneFiller(registry, process_id, wakeups, self._endings, self._background)
        self._submitter = Submitter(registry, process_id, self._filler, self._waiters, self._background, shared)
        self._claims: SharedWrite[int, bool] = shared.kind(partial(sending.claim, process_id=process_id))

    def connected(self, live: Live, *, has_requests: bool) -> None:
        """Open the lane of a new connection, and load the outlet's waiting requests.

        `has_requests` comes from the query that checked the token, so most connections need no second query. The next
        `poll` finds requests that were stored after that query.
        """
        live.lane = Lane(
            window=settings.REQUESTS_IN_FLIGHT,
            send=live.socket.transmit,
            claim=self._claim,
            load_more=lambda: self._filler.fill(live),
            unsent=lambda pk: self._filler.offer_again(live.integration_id, [pk]),
        )
        if has_requests:
            self._filler.fill(live)

    def disconnected(self, live: Live, reason: CloseReason) -> None:
        """Close the lane. Unanswered requests are sent again on the outlet's next connection, which may exist already.

        `reason` is why the connection ended. If the POS or the network may have ended it, or if the POS was replaced
        and did not answer in time, the unanswered requests are suspect.
        """
        if live.lane is None:
            return
        blamed = live.lane.blamed
        if others := [pk for pk in live.lane.unanswered if pk not in blamed]:
            self._filler.offer_again(live.integration_id, others)
        if blamed:
            self._filler.offer_again(live.integration_id, blamed, reason)
        live.lane.close()
        # Break the reference cycle: it would keep the connection and its lane in memory until a garbage collection.
        live.lane = None

    async def submit(self, new: NewRequest, completion: Completion | None = None) -> Stored:
        """Store and dispatch a request. Raises NotStored, or the database's error.

        After a database error the request may still be stored, for example if the connection was lost during the
        commit. Such a request is sent a little later. A stored request is sent even if the caller has left. The result
        of a new request is set on `completion`, unless `completion` has been cancelled.
        """
        return await asyncio.shield(self._background.start(self._submitter.submit(new, completion)))

    def find_repeated(self, new: NewRequest) -> Awaitable[Stored | None]:
        """Return the stored request that already has this RequestID, or None. Raises NotStored."""
        return self._submitter.find_repeated(new)

    def wait(self, pk: int, seconds: float, completion: Completion | None = None) -> Awaitable[Result]:
        """Return a request's result when it has ended, or its current state after `seconds`; see Waiters.wait.

        Pass the `completion` that you gave to `submit`, if `submit` stored the request as a new one.
        """
        return self._waiters.wait(pk, seconds, completion)

    def answered(self, live: Live, request_id: str, answer: Answer | Unreadable) -> bool:
        """Handle a POS's answer; return False if no request on this connection waits for it.

        An unreadable answer ends the request as well, because the POS would give the same answer again.
        """
        outgoing = live.lane.take_answer(request_id) if live.lane else None
        if outgoing is None:
            return False
        details: dict[str, Any] = named(outgoing) | {"outlet": live.provider_outlet_id}
        if isinstance(answer, Unreadable):
            logger.warning("POS answered, but the answer could not be read.", extra=details)
        else:
            logger.info("POS answered.", extra=details | {"result_code": answer.result_code})
        if isinstance(outgoing, Outgoing):
            self._background.start(self._end_request(live, outgoing, answer))
        else:
            outgoing.finish(answer)
        return True

    def ended(self, pks: Iterable[int]) -> Awaitable[None]:
        """Complete this process's calls that wait for these requests, whichever process ended the requests."""
        return self._waiters.refresh(pks)

    def queued(self, integration_id: int) -> None:
        """Load new requests of an integration, if its POS is connected here."""
        if live := self._registry.find(integration_id):
            self._filler.fill(live)

    async def poll(self) -> None:
        """Handle missed wake-ups: expire overdue requests, find waiting ones and complete calls for ended ones."""
        now = shared_now()
        for live in self._registry:
            if live.lane is not None:
                live.lane.drop_overdue(now)
        if len(self._registry):
            for integration_id, pk in await readers.run(sending.overlooked):
                self._filler.fill_if_overlooked(integration_id, pk)
        await self._waiters.refresh_all()
        if expired := await watchers.run(ending.expire_due):  # this comes last, because it may wait for other writers
            await self.ended(expired)

    @property
    def is_waited_for(self) -> bool:
        """Whether a call of this process waits for a request."""
        return bool(self._waiters)

    def end_waits(self) -> None:
        """End all waits because the process is stopping; each caller gets the current state of its request."""
        self._waiters.end_waits()

    async def stop(self) -> None:
        """Wait for results that are being written. Requests whose result is not stored are sent to the POS again."""
        await self._background.stop(seconds=STOP_LIMIT)

    async def _claim(self, pk: int) -> bool:
        return bool(await self._claims.find(pk))

    async def _end_request(self, live: Live, outgoing: Outgoing, answer: Answer | Unreadable) -> None:
        result = await self._endings.write_answer(outgoing.pk, answer)
        if live.lane is not None:
            live.lane.forget(outgoing.pk)
        self._endings.announce(result)
