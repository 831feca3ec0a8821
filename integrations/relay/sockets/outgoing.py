"""Requests as a lane sends them."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

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
    disconnects: int = 0
    retry_at: datetime | None = None
    is_claimed: bool = False  # it is stored as sent by this process, and has not left yet

    @property
    def is_suspect(self) -> bool:
        """Whether a connection ended after it was sent."""
        return self.disconnects > 0

    def is_due(self, now: datetime) -> bool:
        """Return whether it may still leave."""
        return self.send_before > now


@dataclass(eq=False, slots=True)
class Transient:
    """One request that is not stored: it has one try, on this connection. `answer` gets LinkLost where that ends."""

    request_id: str
    frame: str = field(repr=False)
    answer_before: datetime
    answer: asyncio.Future[Answer] = field(repr=False)
    correlation_id: str = ""
    has_left: bool = False

    def is_due(self, now: datetime) -> bool:
        """Return whether it may still leave: its caller may have gone, and no other would want the answer."""
        return self.answer_before > now and not self.answer.done()

    def finish(self, answer: Answer | Unreadable | LinkLost) -> None:
        """Give the answer to the caller, or raise there what came instead of one."""
        if self.answer.done():
            return
        if isinstance(answer, Answer):
            self.answer.set_result(answer)
            return
        self.answer.set_exception(answer)
        self.answer.exception()  # read once, so that a caller who has gone leaves no warning


def named(outgoing: Outgoing | Transient) -> dict[str, str]:
    """Return the ids by which log lines name a request."""
    return {"request_id": outgoing.request_id, "correlation_id": outgoing.correlation_id}
