"""Sends the requests for one POS over one connection: in order of arrival, a few at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from datetime import datetime
from itertools import takewhile

from integrations.models.clock import shared_now
from integrations.relay.retrying import until_done
from integrations.relay.sockets.outgoing import LinkLost, Outgoing, Transient, named
from integrations.relay.sockets.suspects import Suspects, blamed
from integrations.relay.sockets.window import Window

LOW = 20  # load more requests when fewer than this are queued
MOST_QUEUED = 100  # requests kept in memory for one outlet; the database has the others
RECHECK = 0.1  # seconds between two checks whether a suspect may be sent
ELSEWHERE = 0.25  # seconds between two checks whether another connection still holds the next request

logger = logging.getLogger(__name__)


class Lane:
    """The outgoing requests of one connection. Use it on the event loop only.

    Suspect requests are sent after the others and alone, to find the one that ends the connection.

    `send` may block while the POS does not read; it raises when the POS has disconnected. `claim` is called before a
    durable request is sent, and returns whether it is still open. `load_more` is called when the queue runs low and
    `more_waits` indicates that the database holds more. `unsent` is called with a claimed request if the connection
    ended before it was sent.
    """

    def __init__(
        self,
        *,
        window: int,
        send: Callable[[str], Awaitable[None]],
        claim: Callable[[int], Awaitable[bool]],
        load_more: Callable[[], None],
        unsent: Callable[[int], None],
    ) -> None:
        self._window = Window(window)
        self._send = send
        self._claim = claim
        self._load_more = load_more
        self._unsent = unsent
        self._queue: list[Outgoing | Transient] = []  # a list: it is short, and even an empty deque takes 0.7 KiB
        self._suspects = Suspects(self._window)
        self._recheck_timer: asyncio.TimerHandle | None = None
        self._load: asyncio.TimerHandle | None = None
        self._claiming: Sequence[Outgoing | Transient] = ()
        self._known: set[int] = set()
        self._sending: asyncio.Task[None] | None = None
        self._is_resting = False
        self.is_closed = False
        # Whether the POS answered a ping after this connection was replaced. If so, it has received all earlier frames.
        self.has_answered_ping = False
        self.is_loading = False
        self.load_again = False
        self.more_waits = False
        self.arriving = 0  # number of requests being stored; they are queued next, so no other may overtake them

    @property
    def known(self) -> Set[int]:
        """The primary keys of the requests that this connection has sent or queued."""
        return self._known

    @property
    def length(self) -> int:
        """How many requests are waiting here for a place in the window."""
        return len(self._queue) + len(self._suspects)

    @property
    def is_long(self) -> bool:
        """Whether further requests must stay in the database until there is room."""
        return len(self._queue) >= MOST_QUEUED

    @property
    def will_load(self) -> bool:
        """Whether the database holds more requests, which will be loaded when the queue runs low."""
        return self.more_waits and not self.is_loading and not self.is_closed and len(self._queue) >= LOW

    def has_all_until(self, pk: int | None) -> bool:
        """Return whether this lane has all waiting requests; `pk` is the newest one (0: none waits; None: unknown)."""
        has_all = not (self.more_waits or self.is_loading or self.is_closed)
        return has_all and (pk == 0 or pk in self._known)

    @property
    def unanswered(self) -> list[int]:
        """The primary keys of the requests that the POS has not answered yet."""
        return [each.pk for each in self._window.requests if isinstance(each, Outgoing)]

    @property
    def awaited(self) -> Set[str]:
        """The RequestIDs of the requests that the POS has not answered yet."""
        return self._window.request_ids

    @property
    def blamed(self) -> list[int]:
        """The primary keys of the unanswered requests that may have ended the connection."""
        return blamed(self._window.requests)

    @property
    def begun(self) -> Set[int]:
        """The primary keys of requests that were sent or are being sent, and have not ended in the database yet."""
        queued = (*self._queue, *self._suspects)
        return self._known - {each.pk for each in queued if isinstance(each, Outgoing)}

    @property
    def is_at_rest(self) -> bool:
        """Whether no request is in flight and no place is reserved."""
        return self._window.is_empty

    def rest(self) -> None:
        """Send no more requests, because the connection will close after the outstanding answers."""
        self._is_resting = True
        for transient in [each for each in self._queue if isinstance(each, Transient)]:
            self._queue.remove(transient)
            transient.finish(LinkLost())

    def reserve(self) -> bool:
        """Reserve a place in the window for a request that is about to be stored; return False if it must queue."""
        is_free = self._may_send_at_once()
        self._window.reserved += is_free
        return is_free

    def release(self) -> None:
        """Release a reserved place."""
        self._window.reserved -= 1
        self._pump()

    async def send_reserved(self, outgoing: Outgoing) -> bool:
        """Send a request that has a reserved place and is stored as sent; return False if this lane has closed."""
        self._window.reserved -= 1
        if self.is_closed:
            return False
        if outgoing.pk in self._known:
            self._pump()
        elif self._is_behind(outgoing):
            outgoing.is_claimed = True
            self.offer(outgoing)
        else:
            await self._transmit(outgoing)
        return True

    def _is_behind(self, outgoing: Outgoing) -> bool:
        """Return whether an older request, stored by another process, is about to be sent."""
        earlier = (*self._claiming, *self._queue)
        return any(isinstance(each, Outgoing) and each.pk < outgoing.pk for each in earlier)

    def load_soon(self) -> None:
        """Load more requests a little later, because another connection still holds the next one."""
        if self._load is None and not self.is_closed:
            self._load = asyncio.get_running_loop().call_later(ELSEWHERE, self._load_now)

    def _load_now(self) -> None:
        self._load = None
        self._load_more()

    def offer(self, outgoing: Outgoing) -> None:
        """Queue a request, unless this connection has already had it."""
        if self.is_closed or outgoing.pk in self._known:
            return
        self._known.add(outgoing.pk)
        if outgoing.is_suspect:
            self._suspects.add(outgoing)
        else:
            self._queue.append(outgoing)
        self._pump()

    async def ask(self, transient: Transient) -> None:
        """Send a request that is not stored; if others wait before it or the window is full, queue it."""
        if self.is_closed or self._is_resting:
            transient.finish(LinkLost())
        elif self._may_send_at_once():
            await self._transmit(transient)
        else:
            self._queue.append(transient)
            self._pump()

    def take_answer(self, request_id: str) -> Outgoing | Transient | None:
        """Return the request in flight that an answer belongs to, or None. Free the request's place in the window."""
        outgoing = self._window.pop_answered(request_id)
        if outgoing is not None:
            self._pump()
        return outgoing

    def forget(self, pk: int) -> None:
        """Forget a request. It has ended in the database, so it will not be loaded again."""
        self._known.discard(pk)

    def drop_overdue(self, now: datetime) -> None:
        """Free the places of requests whose answer is overdue."""
        if not self._window.request_ids and not self._queue:
            return  # the usual case; every lane is checked each second
        for outgoing in [each for each in self._window.requests if each.answer_before <= now]:
            self._window.pop(outgoing.request_id)
            if isinstance(outgoing, Outgoing):
                self._known.discard(outgoing.pk)
        self._pump()

    def close(self) -> None:
        """End the lane when its connection ends. Stored, unanswered requests are sent again on the next connection."""
        self.is_closed = True
        for outgoing in [*self._queue, *self._window.requests]:
            if isinstance(outgoing, Transient):
                outgoing.finish(LinkLost())
        self._queue.clear()
        self._window.clear()
        self._suspects.clear()
        for timer in (self._recheck_timer, self._load):
            if timer is not None:
                timer.cancel()

    def _may_send_at_once(self) -> bool:
        is_behind = self.is_loading or self.more_waits or self._queue or self.arriving or self._sending is not None
        return not (self.is_closed or is_behind or self._suspects.are_overdue) and self._has_place()

    def _has_place(self) -> bool:
        return not self._is_resting and self._window.is_open

    def _due_suspect(self) -> Outgoing | None:
        """Return a suspect that may be sent now, or None.

        A suspect waits until no request is in flight, except requests that the POS is slow to answer.
        """
        if not self._suspects or self._is_resting or not self._window.may_take_suspect:
            return None
        if (self._queue or self.arriving) and not self._suspects.are_overdue:
            return None
        return self._suspects.next()

    def _pump(self) -> None:
        if self.is_closed:
            return
        if self._sending is None and self._has_work():
            self._sending = asyncio.create_task(self._work())
        if self._recheck_timer is None and (self._suspects or self._window.alone):
            self._recheck_timer = asyncio.get_running_loop().call_later(RECHECK, self._recheck)

    def _recheck(self) -> None:
        self._recheck_timer = None
        self._pump()

    def _has_work(self) -> bool:
        if self.is_closed:
            return False
        return self._due_suspect() is not None or (
            bool(self._queue) and self._has_place() and not self._suspects.are_overdue
        )

    async def _work(self) -> None:
        try:
            while self._has_work():
                await until_done(self._send_next, "send requests to a POS")
        finally:
            self._sending = None
            if self.more_waits and len(self._queue) < LOW:
                self.more_waits = False
                self._load_more()

    async def _send_next(self) -> None:
        if self._has_work():  # check again, because `until_done` repeats this call after a failure and a pause
            await self._send_some(self._take())

    def _take(self) -> list[Outgoing | Transient]:
        if suspect := self._due_suspect():
            self._suspects.remove(suspect)
            self._window.alone = suspect
            return [suspect]
        count = self._window.free_places
        taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    async def _send_some(self, batch: Sequence[Outgoing | Transient]) -> None:
        """Send these requests in order. The durable ones are claimed together in one transaction.

        If an error prevents a claim, the requests not yet sent are queued again, before all others. Raises the error.
        """
        left = deque(batch)
        try:
            verdicts = await self._verdicts(batch)
            for may_be_sent in takewhile(lambda verdict: isinstance(verdict, bool), verdicts):
                await self._send_or_drop(left.popleft(), may_be_sent=bool(may_be_sent))
        finally:
            self._put_back(left)
        if left:
            raise next(error for error in verdicts if isinstance(error, BaseException))

    async def _verdicts(self, batch: Sequence[Outgoing | Transient]) -> list[bool | BaseException]:
        """Return for each request whether it may be sent, or the error that prevented its claim."""
        now = shared_now()
        verdicts: list[bool | BaseException] = [each.is_due(now) for each in batch]
        unclaimed = {
            number: each.pk
            for number, each in enumerate(batch)
            if verdicts[number] and isinstance(each, Outgoing) and not each.is_claimed
        }
        if unclaimed:
            claims = await self._claims(batch, unclaimed.values())
            for number, claim in zip(unclaimed, claims, strict=True):
                verdicts[number] = claim
        return verdicts

    async def _claims(self, batch: Sequence[Outgoing | Transient], pks: Iterable[int]) -> list[bool | BaseException]:
        self._window.reserved += len(batch)
        self._claiming = batch
        try:
            return await asyncio.gather(*map(self._claim, pks), return_exceptions=True)
        finally:
            self._window.reserved -= len(batch)
            self._claiming = ()

    async def _send_or_drop(self, outgoing: Outgoing | Transient, *, may_be_sent: bool) -> None:
        if may_be_sent and not self.is_closed:
            await self._transmit(outgoing)
        elif may_be_sent and isinstance(outgoing, Transient):
            outgoing.finish(LinkLost())
        elif may_be_sent and isinstance(outgoing, Outgoing):
            self._unsent(outgoing.pk)
        elif isinstance(outgoing, Outgoing):
            self._known.discard(outgoing.pk)
            self._window.alone = None if self._window.alone is outgoing else self._window.alone
            self.load_soon()  # another process may have the request, and may make it available again

    def _put_back(self, batch: Sequence[Outgoing | Transient]) -> None:
        for outgoing in reversed(batch):
            if isinstance(outgoing, Outgoing) and outgoing is self._window.alone:
                self._suspects.put_back(outgoing)
                self._window.alone = None
            else:
                self._queue.insert(0, outgoing)
        if batch and self.is_closed:
            self.close()
        elif batch and self._is_resting:
            self.rest()

    async def _transmit(self, outgoing: Outgoing | Transient) -> None:
        if isinstance(outgoing, Outgoing):
            self._known.add(outgoing.pk)
        else:
            outgoing.was_sent = True
        self._window.add(outgoing)
        logger.info("Request sent to POS.", extra=named(outgoing))
        try:
            await self._send(outgoing.frame)
        except Exception as error:  # noqa: BLE001  (each server has its own exception for a lost peer)
            logger.debug("The POS disconnected before a request was sent.", extra={"error": str(error)})
