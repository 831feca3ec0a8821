"""What is on its way to one POS over one connection: in order of arrival, a few at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from datetime import datetime, timedelta
from itertools import takewhile

from integrations.models.clock import shared_now
from integrations.relay.retrying import until_done
from integrations.relay.sockets import suspects
from integrations.relay.sockets.outgoing import Fleeting, LinkLost, Outgoing, named
from integrations.text.characters import identity

LOW = 20  # queued requests, below which more are fetched
MOST_QUEUED = 100  # that are kept in memory of one outlet; the database has the others
# Of requests that may have ended a connection (services/requests/retries.py), in seconds:
ALONE = 10.0  # that one is sent alone; a POS that is slow with it then gets others beside it
PATIENCE = 2.0  # that one whose time has come lets newer ones go first
LOOK = 0.1  # between two looks at whether one may leave
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
        self._window = window
        self._send = send
        self._claim = claim
        self._hungry = hungry
        self._unsent = unsent
        self._queue: deque[Outgoing | Fleeting] = deque()
        self._in_flight: dict[str, Outgoing | Fleeting] = {}
        self._suspects: list[Outgoing] = []
        self._left_at: dict[str, float] = {}  # of what is in flight
        self._alone: Outgoing | None = None  # the suspect that is in flight by itself
        self._look: asyncio.TimerHandle | None = None
        self._load: asyncio.TimerHandle | None = None
        self._claiming: Sequence[Outgoing | Fleeting] = ()
        self._reserved = 0
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
        return [each.pk for each in self._in_flight.values() if isinstance(each, Outgoing)]

    @property
    def awaited(self) -> Set[str]:
        """The RequestIDs of what the POS has and has not answered."""
        return self._in_flight.keys()

    @property
    def blamed(self) -> list[int]:
        """Those of them that may be why the connection ends."""
        return suspects.blamed(self._in_flight.values())

    @property
    def begun(self) -> Set[int]:
        """The primary keys of what the POS has, or is about to get, and of what has not ended in the database yet."""
        queued = (*self._queue, *self._suspects)
        return self._known - {each.pk for each in queued if isinstance(each, Outgoing)}

    @property
    def is_at_rest(self) -> bool:
        """Nothing is on its way to the POS, and nothing is due from it."""
        return not self._in_flight and not self._reserved

    def rest(self) -> None:
        """Let nothing more leave: the connection is about to be closed in order, after the answers that are due."""
        self._is_resting = True
        for fleeting in [each for each in self._queue if isinstance(each, Fleeting)]:
            self._queue.remove(fleeting)
            fleeting.finish(LinkLost())

    def reserve(self) -> bool:
        """Take a place in the window for a request that is about to be stored; False where it must queue."""
        is_behind = self.is_loading or self.more_waits or self._queue or self.arriving or self._sending is not None
        is_behind = is_behind or self._is_held
        if self.is_closed or is_behind or not self._has_place():
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """Give a reserved place back."""
        self._reserved -= 1
        self._pump()

    async def send_reserved(self, outgoing: Outgoing) -> bool:
        """Send a request for which a place is reserved, and which is stored as sent; False if this lane has closed."""
        self._reserved -= 1
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
            self._suspects.append(outgoing)
            self._suspects.sort(key=lambda each: (each.disconnects, each.pk))
        else:
            self._queue.append(outgoing)
        self._pump()

    def ask(self, fleeting: Fleeting) -> None:
        """Queue a request that is not stored."""
        if self.is_closed or self._is_resting:
            fleeting.finish(LinkLost())
            return
        self._queue.append(fleeting)
        self._pump()

    def take_answer(self, request_id: str) -> Outgoing | Fleeting | None:
        """Return the request in flight that an answer is for, and free its place; None when nothing waits for it."""
        outgoing = self._pop(self._spelled_here(request_id))
        if outgoing is not None:
            self._pump()
        return outgoing

    def _spelled_here(self, request_id: str) -> str:
        """Return the RequestID in flight that this one is, if need be in another spelling."""
        if request_id in self._in_flight:
            return request_id
        wanted = identity(request_id).casefold()
        alike = [each for each in self._in_flight if identity(each).casefold() == wanted]
        return alike[0] if len(alike) == 1 else request_id

    def forget(self, pk: int) -> None:
        """Forget a request that has ended in the database, where nothing can offer it again."""
        self._known.discard(pk)

    def drop_overdue(self, now: datetime) -> None:
        """Free the places of what will not be waited for any longer."""
        if not self._in_flight and not self._queue:
            return  # as with nearly all lanes nearly always, and all are asked every second
        for outgoing in [each for each in self._in_flight.values() if each.answer_before <= now]:
            self._pop(outgoing.request_id)
            if isinstance(outgoing, Outgoing):
                self._known.discard(outgoing.pk)
        self._pump()

    def close(self) -> None:
        """End with the connection: what was stored and not answered is sent again on the next."""
        self.is_closed = True
        for outgoing in [*self._queue, *self._in_flight.values()]:
            if isinstance(outgoing, Fleeting):
                outgoing.finish(LinkLost())
        self._queue.clear()
        self._in_flight.clear()
        self._suspects.clear()
        self._alone = None
        for timer in (self._look, self._load):
            if timer is not None:
                timer.cancel()

    def _pop(self, request_id: str) -> Outgoing | Fleeting | None:
        outgoing = self._in_flight.pop(request_id, None)
        self._left_at.pop(request_id, None)
        if outgoing is self._alone:
            self._alone = None
        return outgoing

    def _has_place(self) -> bool:
        return not self._is_resting and not self._is_alone and len(self._in_flight) + self._reserved < self._window

    @property
    def _is_alone(self) -> bool:
        """Whether a suspect is in flight that nothing may accompany yet."""
        return self._alone is not None and not self._is_slow(self._alone.request_id)

    @property
    def _is_held(self) -> bool:
        """Whether newer requests wait, because a suspect has waited for long enough."""
        return bool(self._suspects) and self._next_suspect(late_by=PATIENCE) is not None

    def _is_slow(self, request_id: str) -> bool:
        left_at = self._left_at.get(request_id)
        return left_at is not None and asyncio.get_running_loop().time() - left_at >= ALONE

    def _due_suspect(self) -> Outgoing | None:
        """Return a suspect that may leave now: nothing else is under way, but for what the POS is slow with."""
        if not self._suspects or self._is_resting or self._reserved or not all(map(self._is_slow, self._in_flight)):
            return None
        if (self._queue or self.arriving) and not self._is_held:
            return None
        return self._next_suspect()

    def _next_suspect(self, late_by: float = 0.0) -> Outgoing | None:
        return suspects.next_of(self._suspects, self._in_flight.values(), shared_now() - timedelta(seconds=late_by))

    def _pump(self) -> None:
        if self.is_closed:
            return
        if self._sending is None and self._has_work():
            self._sending = asyncio.create_task(self._work())
        if self._look is None and (self._suspects or self._alone):
            self._look = asyncio.get_running_loop().call_later(LOOK, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._pump()

    def _has_work(self) -> bool:
        if self.is_closed:
            return False
        return self._due_suspect() is not None or (bool(self._queue) and self._has_place() and not self._is_held)

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

    def _take(self) -> list[Outgoing | Fleeting]:
        if suspect := self._due_suspect():
            self._suspects.remove(suspect)
            self._alone = suspect
            return [suspect]
        places = self._window - len(self._in_flight) - self._reserved
        return [self._queue.popleft() for _ in range(min(places, len(self._queue)))]

    async def _send_some(self, batch: Sequence[Outgoing | Fleeting]) -> None:
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

    async def _verdicts(self, batch: Sequence[Outgoing | Fleeting]) -> list[bool | BaseException]:
        """Say of each whether it may leave; an error is what prevented its claim."""
        now = shared_now()
        verdicts: list[bool | BaseException] = [_is_due(each, now) for each in batch]
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

    async def _claims(self, batch: Sequence[Outgoing | Fleeting], pks: Iterable[int]) -> list[bool | BaseException]:
        self._reserved += len(batch)
        self._claiming = batch
        try:
            return await asyncio.gather(*map(self._claim, pks), return_exceptions=True)
        finally:
            self._reserved -= len(batch)
            self._claiming = ()

    async def _send_or_drop(self, outgoing: Outgoing | Fleeting, *, may_leave: bool) -> None:
        if may_leave and not self.is_closed:
            await self._transmit(outgoing)
        elif may_leave and isinstance(outgoing, Fleeting):
            outgoing.finish(LinkLost())
        elif may_leave and isinstance(outgoing, Outgoing):
            self._unsent(outgoing.pk)
        elif isinstance(outgoing, Outgoing):
            self._known.discard(outgoing.pk)
            self._alone = None if self._alone is outgoing else self._alone
            self.load_soon()  # it has ended, or another process has sent it and may give it back

    def _put_back(self, batch: Sequence[Outgoing | Fleeting]) -> None:
        for outgoing in reversed(batch):
            if isinstance(outgoing, Outgoing) and outgoing is self._alone:
                self._suspects.insert(0, outgoing)
                self._alone = None
            else:
                self._queue.appendleft(outgoing)
        if batch and self.is_closed:
            self.close()
        elif batch and self._is_resting:
            self.rest()

    async def _transmit(self, outgoing: Outgoing | Fleeting) -> None:
        if isinstance(outgoing, Outgoing):
            self._known.add(outgoing.pk)
        else:
            outgoing.has_left = True
        self._in_flight[outgoing.request_id] = outgoing
        self._left_at[outgoing.request_id] = asyncio.get_running_loop().time()
        logger.info("A request leaves for its POS.", extra=named(outgoing))
        try:
            await self._send(outgoing.frame)
        except Exception as error:  # noqa: BLE001  (each server raises its own when the peer has gone)
            logger.debug("The POS had gone before a request could leave: %s", error)


def _is_due(outgoing: Outgoing | Fleeting, now: datetime) -> bool:
    if isinstance(outgoing, Outgoing):
        return outgoing.send_before > now
    # Who asked may have gone, and nobody else would want the answer.
    return outgoing.answer_before > now and not outgoing.answer.done()
