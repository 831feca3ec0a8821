"""The requests that one POS has not answered yet, and the places reserved for more."""

import asyncio
from collections.abc import Set

from integrations.relay.sockets.outgoing import Outgoing, Transient
from integrations.text.characters import identity

# A suspect is a request that may have ended a connection. It is in flight alone for this many seconds; after that,
# other requests may be sent beside it.
ALONE = 10.0


class Window:
    """The requests in flight, in order of sending. Together with the reserved places, there are at most `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._in_flight: dict[str, Outgoing | Transient] = {}
        self._left_at: dict[str, float] = {}
        self.reserved = 0
        self.alone: Outgoing | None = None  # the suspect that is in flight alone

    @property
    def free_places(self) -> int:
        """How many more requests may be in flight."""
        return self._size - len(self._in_flight) - self.reserved

    @property
    def is_open(self) -> bool:
        """Whether a request that is not a suspect may be sent."""
        return self.free_places > 0 and (self.alone is None or self._is_slow(self.alone.request_id))

    @property
    def may_take_suspect(self) -> bool:
        """Whether a suspect may be sent: no place is reserved, and the POS is slow to answer all requests in flight."""
        return not self.reserved and all(map(self._is_slow, self._in_flight))

    @property
    def is_empty(self) -> bool:
        """Whether no request is in flight and no place is reserved."""
        return not self._in_flight and not self.reserved

    @property
    def request_ids(self) -> Set[str]:
        """The RequestIDs in flight."""
        return self._in_flight.keys()

    @property
    def requests(self) -> list[Outgoing | Transient]:
        """The requests in flight."""
        return list(self._in_flight.values())

    def add(self, outgoing: Outgoing | Transient) -> None:
        """Add a request that is being sent now."""
        self._in_flight[outgoing.request_id] = outgoing
        self._left_at[outgoing.request_id] = asyncio.get_running_loop().time()

    def pop(self, request_id: str) -> Outgoing | Transient | None:
        """Free the place of a request and return the request; None if it is not in flight."""
        outgoing = self._in_flight.pop(request_id, None)
        self._left_at.pop(request_id, None)
        if outgoing is self.alone:
            self.alone = None
        return outgoing

    def pop_answered(self, request_id: str) -> Outgoing | Transient | None:
        """Free the place of the request that an answer belongs to, and return the request.

        `request_id` comes from the answer; the POS may have spelled it differently.
        """
        return self.pop(self._spelled_here(request_id))

    def clear(self) -> None:
        """Forget the requests in flight, but not the reserved places."""
        self._in_flight.clear()
        self.alone = None

    def _spelled_here(self, request_id: str) -> str:
        if request_id in self._in_flight:
            return request_id
        wanted = identity(request_id).casefold()
        alike = [each for each in self._in_flight if identity(each).casefold() == wanted]
        return alike[0] if len(alike) == 1 else request_id

    def _is_slow(self, request_id: str) -> bool:
        left_at = self._left_at.get(request_id)
        return left_at is not None and asyncio.get_running_loop().time() - left_at >= ALONE
