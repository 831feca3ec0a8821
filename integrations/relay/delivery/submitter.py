"""Stores new requests and dispatches them."""

import uuid
from dataclasses import replace

from django.db import InterfaceError

from integrations.relay.delivery.background_tasks import Background
from integrations.relay.delivery.lane_filler import LaneFiller
from integrations.relay.delivery.waiters import Completion, Waiters
from integrations.relay.sockets.lane import Lane
from integrations.relay.sockets.outgoing import Outgoing
from integrations.relay.sockets.registry import Live, Registry
from integrations.services.requests import repeats, storing
from integrations.services.requests.request_types import NewRequest, NotStored, Stored, Waiting
from integrations.services.rows.shared_writes import SharedWrite, SharedWrites
from integrations.services.rows.threads import Joined, writers


class Submitter:
    """Stores and dispatches requests. Use it on the event loop only."""

    def __init__(
        self,
        registry: Registry,
        process_id: uuid.UUID,
        filler: LaneFiller,
        waiters: Waiters,
        background: Background,
        shared: SharedWrites,
    ) -> None:
        self._registry = registry
        self._process_id = process_id
        self._filler = filler
        self._waiters = waiters
        self._background = background
        self._store: SharedWrite[NewRequest, Stored | NotStored] = shared.kind(storing.store)
        self._seen: Joined[NewRequest, bool] = Joined(repeats.seen)
        self._repeated: Joined[NewRequest, Stored | NotStored] = Joined(repeats.repeated, threads=writers)

    async def find_repeated(self, new: NewRequest) -> Stored | None:
        """Return the stored request that already has this RequestID, or None. Raises NotStored."""
        if not await self._seen.find(new):  # only reads, so unlike `repeated`, it does not wait for locks
            return None
        found = await self._repeated.find(new)
        if isinstance(found, NotStored):
            raise found
        return found

    async def submit(self, new: NewRequest, completion: Completion | None) -> Stored:
        """Store and dispatch a request; see Dispatcher.submit."""
        live = self._registry.find(new.integration_id)
        lane = live.lane if live else None
        has_place = lane is not None and not self._registry.unconfirmed_by_older(new.integration_id) and lane.reserve()
        if live is not None:
            new = replace(new, socket_at=self._process_id, has_place=has_place)
        if live is None or lane is None:
            stored = await self._stored(new)
        elif has_place:
            return await self._submit_reserved(live, lane, new, completion)
        else:
            lane.arriving += 1
            try:
                stored = await self._stored(new)
            finally:
                lane.arriving -= 1
        if stored.is_new:
            self._waiters.add(stored.pk, completion)
            if live is None or lane is None or not self._append(live, lane, new, stored):
                self._filler.offer(new.integration_id)
        return stored

    def _append(self, live: Live, lane: Lane, new: NewRequest, stored: Stored) -> bool:
        """Append a newly stored request to its lane; return False if the lane must load it.

        Without this, each queued request would cause a read of all requests that wait before it.
        """
        has_moved = live.lane is not lane or self._registry.find(live.integration_id) is not live
        if has_moved or self._filler.is_moving(live):
            return False
        if lane.will_load:
            return True
        if not lane.has_all_until(stored.after):
            return False
        if lane.is_long:
            lane.more_waits = True
        elif outgoing := self._filler.outgoing(live, Waiting.of(new, stored.pk, was_sent=False)):
            lane.offer(outgoing)
        return True

    async def _submit_reserved(self, live: Live, lane: Lane, new: NewRequest, completion: Completion | None) -> Stored:
        try:
            stored = await self._stored(new)
        except BaseException:
            lane.release()
            raise
        if not stored.is_new:
            lane.release()
            return stored
        self._waiters.add(stored.pk, completion)
        waiting = Waiting.of(new, stored.pk, was_sent=True)
        outgoing = self._filler.outgoing(live, waiting) if stored.is_sent_now else None
        if outgoing is not None:
            self._background.start(self._send_reserved(live, lane, outgoing))
            return stored
        lane.release()
        self._filler.offer(live.integration_id)
        return stored

    async def _send_reserved(self, live: Live, lane: Lane, outgoing: Outgoing) -> None:
        if not await lane.send_reserved(outgoing):
            self._filler.offer_again(live.integration_id, [outgoing.pk])
        elif lane.is_closed or self._registry.find(live.integration_id) is not live:
            # A newer connection may have loaded its requests before this request was stored, so make it load again.
            self._filler.offer(live.integration_id)

    async def _stored(self, new: NewRequest) -> Stored:
        outcome = await self._store.find(new)
        if isinstance(outcome, NotStored):
            raise outcome
        if outcome is None:
            raise InterfaceError("A request vanished while it was stored.")
        return outcome
