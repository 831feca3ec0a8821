"""The records that a process has collected since the last write."""

import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.models import UnrecognisedFrame
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.connection import CloseReason
from integrations.relay.sockets.registry import Live
from integrations.security.secret_digests import Digest
from integrations.services.requests.request_types import Ending, NewRequest

ATTEMPTS_KEPT = 20_000  # reached while the database is unavailable; the oldest are then dropped and counted in the log
MOST_UNRECOGNISED = 1_000
TRANSIENT_KEPT = 20_000


@dataclass(slots=True)
class Attempt:
    """One attempt to authenticate or connect: a future AuthAttempt row. Model objects would cost too much here."""

    at: datetime
    endpoint: PosEndpoint
    outcome: Outcome
    integration_id: int | None = None
    provider_outlet_id: str = ""
    pos_remote_id: str = ""
    address: str = ""
    user_agent: str = ""
    detail: str = ""
    pos_remote_id_of_id: int | None = None
    cause: str = ""


@dataclass(frozen=True)
class Closing:
    """How a connection ended."""

    live: Live
    at: datetime
    code: int | None
    reason: CloseReason


@dataclass
class Batch:
    """The records to write in one transaction."""

    opened: dict[uuid.UUID, Live] = field(default_factory=dict)
    counted: dict[uuid.UUID, Live] = field(default_factory=dict)
    closed: dict[uuid.UUID, Closing] = field(default_factory=dict)
    used: dict[int, datetime] = field(default_factory=dict)
    redigested: dict[int, Digest] = field(default_factory=dict)
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    unrecognised: deque[UnrecognisedFrame] = field(default_factory=lambda: deque(maxlen=MOST_UNRECOGNISED))
    used_keys: dict[int, datetime] = field(default_factory=dict)
    redigested_keys: dict[int, Digest] = field(default_factory=dict)
    transient: deque[tuple[NewRequest, Ending]] = field(default_factory=lambda: deque(maxlen=TRANSIENT_KEPT))
    refused: int = 0  # how often the database rejected the whole batch
    since: float = field(default_factory=time.monotonic)

    def __len__(self) -> int:
        return sum(map(len, self.collections()))

    def add(self, newer: "Batch") -> int:
        """Add the records of a newer batch; return how many attempts were dropped."""
        dropped = max(0, len(self.attempts) + len(newer.attempts) - ATTEMPTS_KEPT)
        for own, theirs in zip(self.collections(), newer.collections(), strict=True):
            if isinstance(own, dict):
                own.update(theirs)
            else:
                own.extend(theirs)
        return dropped

    def collections(self) -> "list[dict[Any, Any] | deque[Any]]":
        """Return the collections of records, one for each kind."""
        return [each for each in vars(self).values() if isinstance(each, dict | deque)]
