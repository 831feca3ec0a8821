"""Puts an outlet's open requests on the lane of its connection, and does so again after a connection was lost."""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Sequence, Set
from functools import partial

from integrations.models.connection import NOT_BY_A_REQUEST, CloseReason
from integrations.relay.delivery.background_tasks import Background
from integrations.relay.delivery.endings import Endings
from integrations.relay.retrying import until_back, until_done
from integrations.relay.sockets.lane import MOST_QUEUED, Lane
from integrations.relay.sockets.outgoing import Outgoing
from integrations.relay.sockets.registry import Live, Registry
from integrations.relay.wakeups import Wakeups
from integrations.services import wake
from integrations.services.requests import holders
from integrations.services.requests.request_types import Waiting
from integrations.services.rows.threads import Joined, writers

logger = logging.getLogger(__name__)


class LaneFiller:
    """Loads open requests into lanes. Use it on the event loop only."""

    def __init__(
        self, registry: Registry, process_id: uuid.UUID, wakeups: Wakeups, endings: Endings, background: Background
    ) -> None:
        self._registry = registry
        self._process_id = process_id
        self._wakeups = wakeups
        self._endings = endings
        self._background = background
        self._releases: Joined[int, bool] = Joined(partial(holders.release, process_id=process_id), threads=writers)
        # For each integration, the task that records which requests an ended connection left unanswered.
        self._suspecting: dict[int, asyncio.Task[None]] = {}

    def offer(self, integration_id: int) -> None:
        """Make the process that holds the outlet's connection load the outlet's requests; return immediately."""
        if live := self._registry.find(integration_id):
            self.fill(live)
        else:
            self._wakeups.send(wake.QUEUED, [integration_id])

    def offer_again(self, integration_id: int, pks: Sequence[int], reason: CloseReason | None = None) -> None:
        """Offer requests of an ended connection again. If `reason` is None, they are not suspected of ending it."""
        task = self._background.start(self._lost(pks, reason, after=self._suspecting.get(integration_id)))
        self._suspecting[integration_id] = task
        self._background.start(self._offer_after(task, integration_id))

    def is_moving(self, live: Live) -> bool:
        """Return whether an older connection of the outlet may have left requests that must be sent before new ones."""
        return live.integration_id in self._suspecting or bool(self._registry.unconfirmed_by_older(live.integration_id))

    def fill(self, live: Live) -> None:
        """Load an integration's open requests into its lane. If a load is running, load again after it."""
        lane = live.lane
        if lane is None:
            return
        lane.load_again = True
        if not lane.is_loading:
            lane.is_loading = True  # from now on, no new request may overtake the loaded ones
            self._background.start(self._load(live, lane))

    def fill_if_overlooked(self, integration_id: int, pk: int) -> None:
        """Fill the integration's lane if it should have this open request and does not."""
        live = self._registry.find(integration_id)
        if live is not None and live.lane is not None and not live.lane.more_waits and pk not in live.lane.known:
            self.fill(live)

    def outgoing(self, live: Live, waiting: Waiting) -> Outgoing | None:
        """Return a request ready to send, or None if its frame cannot be written.

        A request whose frame cannot be written is ended, because it must not block the requests after it.
        """
        try:
            return _outgoing_of(live, waiting)
        except Exception:
            details = {"request_id": waiting.request_id}
            logger.exception("Request failed because its frame could not be written.", extra=details)
        self._background.start(self._endings.fail_unsendable(waiting.pk))
        return None

    async def _load(self, live: Live, lane: Lane) -> None:
        try:
            while lane.load_again and not lane.is_closed:
                lane.load_again = False
                await until_done(lambda: self._load_some(live, lane), "load the requests of an outlet")
        finally:
            lane.is_loading = False

    async def _load_some(self, live: Live, lane: Lane) -> None:
        if lane.is_closed:
            return
        if writing := self._suspecting.get(live.integration_id):
            await asyncio.wait({writing})
        limit = MOST_QUEUED + len(lane.known)
        # Read these two sets before the rows, because a request may end during the load.
        elsewhere = self._registry.begun_by_older(live.integration_id)
        unconfirmed = self._registry.unconfirmed_by_older(live.integration_id)
        rows, held = await writers.run(holders.load, live.integration_id, limit, self._process_id, live.opened_at)
        lane.more_waits = len(rows) == limit
        self._put_on(live, lane, [each for each in rows if each.pk not in elsewhere - unconfirmed], held | unconfirmed)

    def _put_on(self, live: Live, lane: Lane, rows: Iterable[Waiting], elsewhere: Set[int]) -> None:
        """Put requests on a lane, except those that may still be answered on another connection.

        Stop at the first request that is left out and is not a suspect, because later requests must not overtake it.
        """
        for waiting in rows:
            if waiting.pk in elsewhere:
                lane.load_soon()
                if not waiting.disconnects:
                    return
            elif outgoing := self.outgoing(live, waiting):
                lane.offer(outgoing)

    async def _offer_after(self, task: asyncio.Task[None], integration_id: int) -> None:
        await asyncio.wait({task})
        if self._suspecting.get(integration_id) is task:
            del self._suspecting[integration_id]
        self.offer(integration_id)

    async def _lost(self, pks: Sequence[int], reason: CloseReason | None, *, after: asyncio.Task[None] | None) -> None:
        """Record that a connection ended with these requests unanswered."""
        if after is not None:
            await asyncio.wait({after})
        if reason is None or reason in NOT_BY_A_REQUEST:
            await until_back(lambda: asyncio.gather(*map(self._releases.find, pks)), "record a lost connection")
        else:
            await self._endings.suspect(pks, reason)


def _outgoing_of(live: Live, waiting: Waiting) -> Outgoing:
    return Outgoing(
        pk=waiting.pk,
        request_id=waiting.request_id,
        frame=live.socket.frame_of(waiting),
        send_before=waiting.answer_before if waiting.was_sent else waiting.send_before,
        answer_before=waiting.answer_before,
        correlation_id=waiting.correlation_id,
        traceparent=waiting.traceparent,
        disconnects=waiting.disconnects,
        retry_at=waiting.retry_at,
    )
