"""Requests in the form in which a lane sends them."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from integrations.services.futures import fail, succeed
from integrations.wire.envelope import Answer, Unreadable


class LinkLost(Exception):
    """The connection ended before the POS answered."""


@dataclass(eq=False, slots=True)
class Outgoing:
    """One stored request as a frame."""

    pk: int
    request_id: str
    frame: str = field(repr=False)
    send_before: datetime
    answer_before: datetime
    correlation_id: str = ""
    traceparent: str = ""
    disconnects: int = 0
    retry_at: datetime | None = None
    is_claimed: bool = False  # its row is marked as sent by this process, but the frame has not been sent yet

    @property
    def is_suspect(self) -> bool:
        """Whether this request may have ended an earlier connection."""
        return self.disconnects > 0

    def is_due(self, now: datetime) -> bool:
        """Return whether this request may still be sent."""
        return self.send_before > now


@dataclass(eq=False, slots=True)
class Transient:
    """One request that is not stored: it is sent once, on this connection. If the link ends, `answer` gets LinkLost."""

    request_id: str
    frame: str = field(repr=False)
    answer_before: datetime
    answer: asyncio.Future[Answer] = field(repr=False)
    correlation_id: str = ""
    traceparent: str = ""
    was_sent: bool = False

    def is_due(self, now: datetime) -> bool:
        """Return whether this request may still be sent: it is not overdue, and its caller still waits."""
        return self.answer_before > now and not self.answer.done()

    def finish(self, answer: Answer | Unreadable | LinkLost) -> None:
        """Set the answer, or the error to raise in the caller."""
        if isinstance(answer, Answer):
            succeed(self.answer, answer)
        else:
            fail(self.answer, answer)


def named(outgoing: Outgoing | Transient) -> dict[str, str]:
    """Return the ids that identify a request in log lines."""
    return {
        "request_id": outgoing.request_id,
        "correlation_id": outgoing.correlation_id,
        "traceparent": outgoing.traceparent,
    }
