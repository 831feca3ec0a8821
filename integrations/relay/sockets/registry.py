"""The websockets that this process holds, by integration. Use it on the event loop only."""

import asyncio
import uuid
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from integrations.models.connection import CloseReason
from integrations.relay.sockets.lane import Lane
from integrations.relay.sockets.takeovers import Takeovers
from integrations.services import metrics
from integrations.services.requests.request_types import Waiting


class Socket(Protocol):
    """The part of a consumer that the registry uses."""

    closing: asyncio.Task[None] | None  # the task that sends the close frame, once started

    def close_soon(self, reason: CloseReason) -> None:
        """Start closing the socket for this reason. Returns immediately; may be called twice."""

    async def transmit(self, frame: str) -> None:
        """Send a text frame. Waits while the POS does not read; raises if it has disconnected."""

    def frame_of(self, waiting: Waiting) -> str:
        """Return a request as a frame of this socket's protocol."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Live:
    """One live connection."""

    integration_id: int
    provider_outlet_id: str
    credential_id: int
    generation: int
    expires_at: datetime | None
    opened_at: datetime
    address: str
    user_agent: str
    socket: Socket
    origin: str = ""  # the Origin header that the POS sent
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    frames_in: int = 0
    frames_out: int = 0
    unrecognised_frames: int = 0
    lane: Lane | None = None
    frames_recorded: int = 0  # `frames_in` plus `frames_out` when they were last recorded

    @property
    def is_working(self) -> bool:
        """Whether the POS owes an answer, or an answer that arrived is not stored yet."""
        return self.lane is not None and bool(self.lane.begun or not self.lane.is_at_rest)


class Registry:
    """Holds at most one live connection for each integration: the newest."""

    def __init__(self) -> None:
        self._by_integration: dict[int, Live] = {}
        self._leaving: dict[int, list[Live]] = {}  # by integration: replaced connections that are not closed yet
        self.takeovers = Takeovers()

    def __len__(self) -> int:
        return len(self._by_integration)

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._by_integration.values()))

    def add(self, live: Live) -> None:
        """Register a connection. If its outlet has an older one, close that one with the reason REPLACED."""
        older = self._by_integration.get(live.integration_id)
        self._by_integration[live.integration_id] = live
        metrics.connections_open.set(len(self._by_integration))
        if older is not None:
            self._leaving.setdefault(live.integration_id, []).append(older)
            older.socket.close_soon(CloseReason.REPLACED)

    def remove(self, live: Live) -> None:
        """Remove a connection. If the outlet has a newer one, that one stays registered."""
        leaving = self._leaving.get(live.integration_id, [])
        if live in leaving:
            leaving.remove(live)
            if not leaving:
                del self._leaving[live.integration_id]
        if self._by_integration.get(live.integration_id) is live:
            del self._by_integration[live.integration_id]
            metrics.connections_open.set(len(self._by_integration))

    def begun_by_older(self, integration_id: int) -> Set[int]:
        """Return the primary keys of the unanswered requests on replaced connections of this outlet."""
        leaving = self._leaving.get(integration_id, ())
        return {pk for each in leaving if each.lane is not None for pk in each.lane.begun}

    def unconfirmed_by_older(self, integration_id: int) -> Set[int]:
        """Return those of `begun_by_older` that the POS may lack: it answered no ping after the replacement."""
        leaving = self._leaving.get(integration_id, ())
        return {pk for each in leaving if each.lane and not each.lane.has_answered_ping for pk in each.lane.begun}

    def find(self, integration_id: int) -> Live | None:
        return self._by_integration.get(integration_id)
