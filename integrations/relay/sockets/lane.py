"""What is on its way to one POS over one connection: in order of arrival, a few at a time."""

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

LOW = 20  # queued requests, below which more are fetched
MOST_QUEUED = 100  # that are kept in memory of one outlet; the database has the others
LOOK = 0.1  # seconds between two looks at whether a suspect may leave
ELSEWHERE = 0.25  # seconds between two looks at whether another connection still has what would be next

logger = logging.getLogger(__name__)


class Lane:
    """Used on the event loop only. Suspect requests leave after the others, and alone, so that the one that ends the
    connection is found.

    `send` may block while the POS does not read; it raises when the POS is gone.

    `claim` is asked before a durable frame leaves, and says whether the request is still open. `hungry` is called when
    the queue runs low and `more_waits` says that the database holds more. `unsent` is called with a request that was
    claimed when the connection had ended.
    """

    def __init__(
        self,
        *,
        window: int,
        send: Callable[[str], Awaitable[None]],
        claim: Callable[[int], Awaitable[bool]],
        hungry: Callable[[], None],
        unsent: Callable[[int], None],
    ) -> None:
        self._window = Window(window)
        self._send = send
        self._claim = claim
        self._hungry = hungry
        self._unsent = unsent
        self._queue: deque[Outgoing | Transient] = deque()
        self._suspects = Suspects(self._window)
        self._look: asyncio.TimerHandle | None = None
        self._load: asyncio.TimerHandle | None = None
        self._claiming: Sequence[Outgoing | Transient] = ()
        self._known: set[int] = set()
        self._sending: asyncio.Task[None] | None = None
        self._is_resting = False
        self.is_closed = False
        self.is_heard = False  # its POS, which was replaced, answered a ping: it has got what was sent
        self.is_loading = False
        self.look_again = False
        self.more_waits = False
        self.arriving = 0  # requests that are being stored, to be queued: none may overtake them

    @property
    def known(self) -> Set[int]:
        """The primary keys of what this connection has had, or is to have."""
        return self._known

    @property
    def length(self) -> int:
        """How many requests wait here for a place in the window."""
        return len(self._queue) + len(self._suspects)

    @property
    def is_long(self) -> bool:
        """Whether what comes next is to stay in the database until there is room."""
        return len(self._queue) >= MOST_QUEUED

    @property
    def will_load(self) -> bool:
        """Whether the database holds more, which is fetched when the queue runs low, and not before."""
        return self.more_waits and not self.is_loading and not self.is_closed and len(self._queue) >= LOW

    def has_all_until(self, pk: int | None) -> bool:
        """Whether this lane holds all requests that wait, as far as this one (0: none); None: that cannot be told."""
        has_all = not (self.more_waits or self.is_loading or self.is_closed)
        return has_all and (pk == 0 or pk in self._known)

    @property
    def unanswered(self) -> list[int]:
        """The primary keys of what the POS has and has not answered."""
        return [each.pk for each in self._window.requests if isinstance(each, Outgoing)]

    @property
    def awaited(self) -> Set[str]:
        """The RequestIDs of what the POS has and has not answered."""
        return self._window.request_ids

    @property
    def blamed(self) -> list[int]:
        """Those of them that may be why the connection ends."""
        return blamed(self._window.requests)

    @property
    def begun(self) -> Set[int]:
        """The primary keys of what the POS has, or is about to get, and of what has not ended in the database yet."""
        queued = (*self._queue, *self._suspects)
        return self._known - {each.pk for each in queued if isinstance(each, Outgoing)}

    @property
    def is_at_rest(self) -> bool:
        """Nothing is on its way to the POS, and nothing is due from it."""
        return self._window.is_empty

    def rest(self) -> None:
        """Let nothing more leave: the connection is about to be closed in order, after the answers that are due."""
        self._is_resting = True
        for transient in [each for each in self._queue if isinstance(each, Transient)]:
            self._queue.remove(transient)
            transient.finish(LinkLost())

    def reserve(self) -> bool:
        """Take a place in the window for a request that is about to be stored; False where it must queue."""
        is_behind = self.is_loading or self.more_waits or self._queue or self.arriving or self._sending is not None
        is_behind = is_behind or self._suspects.are_overdue
        if self.is_closed or is_behind or not self._has_place():
            return False
        self._window.reserved += 1
        return True

    def release(self) -> None:
        """Give a reserved place back."""
        self._window.reserved -= 1
        self._pump()

    async def send_reserved(self, outgoing: Outgoing) -> bool:
        """Send a request for which a place is reserved, and which is stored as sent; False if this lane has closed."""
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
        """Whether an older request is about to leave, which another process had stored."""
        earlier = (*self._claiming, *self._queue)
        return any(isinstance(each, Outgoing) and each.pk < outgoing.pk for each in earlier)

    def load_soon(self) -> None:
        """Ask for more a little later: what would be next is still elsewhere."""
        if self._load is None and not self.is_closed:
            self._load = asyncio.get_running_loop().call_later(ELSEWHERE, self._load_now)

    def _load_now(self) -> None:
        self._load = None
        self._hungry()

    def offer(self, outgoing: Outgoing) -> None:
        """Queue a request; one that this connection has had already is passed over."""
        if self.is_closed or outgoing.pk in self._known:
            return
        self._known.add(outgoing.pk)
        if outgoing.is_suspect:
            self._suspects.add(outgoing)
        else:
            self._queue.append(outgoing)
        self._pump()

    def ask(self, transient: Transient) -> None:
        """Queue a request that is not stored."""
        if self.is_closed or self._is_resting:
            transient.finish(LinkLost())
            return
        self._queue.append(transient)
        self._pump()

    def take_answer(self, request_id: str) -> Outgoing | Transient | None:
        """Return the request in flight that an answer is for, and free its place; None when nothing waits for it."""
        outgoing = self._window.pop_answered(request_id)
        if outgoing is not None:
            self._pump()
        return outgoing

    def forget(self, pk: int) -> None:
        """Forget a request that has ended in the database, where nothing can offer it again."""
        self._known.discard(pk)

    def drop_overdue(self, now: datetime) -> None:
        """Free the places of what will not be waited for any longer."""
        if not self._window.request_ids and not self._queue:
            return  # as with nearly all lanes nearly always, and all are asked every second
        for outgoing in [each for each in self._window.requests if each.answer_before <= now]:
            self._window.pop(outgoing.request_id)
            if isinstance(outgoing, Outgoing):
                self._known.discard(outgoing.pk)
        self._pump()

    def close(self) -> None:
        """End with the connection: what was stored and not answered is sent again on the next."""
        self.is_closed = True
        for outgoing in [*self._queue, *self._window.requests]:
            if isinstance(outgoing, Transient):
                outgoing.finish(LinkLost())
        self._queue.clear()
        self._window.clear()
        self._suspects.clear()
        for timer in (self._look, self._load):
            if timer is not None:
                timer.cancel()

    def _has_place(self) -> bool:
        return not self._is_resting and self._window.is_open

    def _due_suspect(self) -> Outgoing | None:
        """Return a suspect that may leave now: nothing else is under way, but for what the POS is slow with."""
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
        if self._look is None and (self._suspects or self._window.alone):
            self._look = asyncio.get_running_loop().call_later(LOOK, self._look_again)

    def _look_again(self) -> None:
        self._look = None
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
                await until_done(self._send_next, "Sending requests to a POS")
        finally:
            self._sending = None
            if self.more_waits and len(self._queue) < LOW:
                self.more_waits = False
                self._hungry()

    async def _send_next(self) -> None:
        if self._has_work():  # once more, because an attempt that failed may be long ago
            await self._send_some(self._take())

    def _take(self) -> list[Outgoing | Transient]:
        if suspect := self._due_suspect():
            self._suspects.remove(suspect)
            self._window.alone = suspect
            return [suspect]
        return [self._queue.popleft() for _ in range(min(self._window.free_places, len(self._queue)))]

    async def _send_some(self, batch: Sequence[Outgoing | Transient]) -> None:
        """Send these in order; the durable ones are claimed together, which is one transaction and not one each.

        Those that could not leave are queued again, before all others. Raises what prevented them.
        """
        left = deque(batch)
        try:
            verdicts = await self._verdicts(batch)
            for may_leave in takewhile(lambda verdict: isinstance(verdict, bool), verdicts):
                await self._send_or_drop(left.popleft(), may_leave=bool(may_leave))
        finally:
            self._put_back(left)
        if left:
            raise next(error for error in verdicts if isinstance(error, BaseException))

    async def _verdicts(self, batch: Sequence[Outgoing | Transient]) -> list[bool | BaseException]:
        """Say of each whether it may leave; an error is what prevented its claim."""
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

    async def _send_or_drop(self, outgoing: Outgoing | Transient, *, may_leave: bool) -> None:
        if may_leave and not self.is_closed:
            await self._transmit(outgoing)
        elif may_leave and isinstance(outgoing, Transient):
            outgoing.finish(LinkLost())
        elif may_leave and isinstance(outgoing, Outgoing):
            self._unsent(outgoing.pk)
        elif isinstance(outgoing, Outgoing):
            self._known.discard(outgoing.pk)
            self._window.alone = None if self._window.alone is outgoing else self._window.alone
            self.load_soon()  # it has ended, or another process has sent it and may give it back

    def _put_back(self, batch: Sequence[Outgoing | Transient]) -> None:
        for outgoing in reversed(batch):
            if isinstance(outgoing, Outgoing) and outgoing is self._window.alone:
                self._suspects.put_back(outgoing)
                self._window.alone = None
            else:
                self._queue.appendleft(outgoing)
        if batch and self.is_closed:
            self.close()
        elif batch and self._is_resting:
            self.rest()

    async def _transmit(self, outgoing: Outgoing | Transient) -> None:
        if isinstance(outgoing, Outgoing):
            self._known.add(outgoing.pk)
        else:
            outgoing.has_left = True
        self._window.add(outgoing)
        logger.info("Request sent to POS.", extra=named(outgoing))
        try:
            await self._send(outgoing.frame)
        except Exception as error:  # noqa: BLE001  (each server raises its own when the peer has gone)
            logger.debug("The POS had gone before a request could leave: %s", error)
