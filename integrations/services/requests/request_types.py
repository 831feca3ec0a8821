"""Types that pass between callers, the relay and the database. No function here reads or writes a row."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings

from integrations.models.request import OPEN_STATES, RequestState
from integrations.services.errors import PortalError
from integrations.services.requests import contents
from integrations.services.requests.contents import Content
from integrations.services.requests.errors import AskedOtherwise, PosBusy, PosNotConnected
from integrations.text.random_ids import new_uuid

ProcessId = UUID
MAX_EXPIRES_IN = 86_400  # seconds that a request may wait for a POS that is not connected


@dataclass(frozen=True, slots=True, eq=False)
class NewRequest:
    """A request to be stored.

    If `needs_online`, the request is refused while the POS is offline. If this process holds the POS's socket,
    `socket_at` is the id of this process. If `has_place`, the request's frame may be sent as soon as the request is
    stored.
    """

    uuid: UUID
    integration_id: int
    api_key_id: int | None
    request_id: str
    content: Content = field(repr=False)
    content_digest: str = field(repr=False)
    received_at: datetime
    send_before: datetime
    answer_before: datetime
    needs_online: bool
    socket_at: ProcessId | None = None
    has_place: bool = False
    correlation_id: str = ""
    traceparent: str = ""
    store_before: datetime | None = None  # the time until which the caller waits
    unequal_attempts: int = 0  # attempts with different content that arrived before the request was stored
    was_sent: bool = True  # used only for transient requests, which are stored after they have ended

    @classmethod
    def of(
        cls,
        content: Content,
        *,
        received_at: datetime,
        wait: int,
        expires_in: int = 0,
        answer_seconds: int = 0,
        is_durable: bool = True,
        **others: Any,
    ) -> "NewRequest":
        """Return a request with its id, its digest and its deadlines; `others` are its other fields.

        It is sent within `wait` seconds, or within `expires_in` seconds if that is longer. The answer must arrive
        within `answer_seconds` (0: the usual limit). Without `is_durable`, it must arrive within `wait` seconds.
        """
        send_before = received_at + timedelta(seconds=max(expires_in, wait))
        answer_before = received_at + timedelta(seconds=answer_seconds or settings.REQUEST_ANSWER_SECONDS)
        return cls(
            uuid=new_uuid(),
            content=content,
            content_digest=contents.digest(content),
            received_at=received_at,
            send_before=send_before,
            answer_before=max(send_before, answer_before) if is_durable else send_before,
            needs_online=expires_in == 0,
            **others,
        )


class NotStored(Exception):
    """The request was refused before it was stored. `refusal` is the corresponding error for staff."""

    refusal: ClassVar[type[PortalError]] = PortalError


class PosOffline(NotStored):
    """The POS is offline, and the request may not wait."""

    refusal = PosNotConnected


class TooLate(NotStored):
    """The database could not store the request while its caller waited."""


class QueueFull(NotStored):
    """The outlet's queue has reached its limit."""

    refusal = PosBusy


class OtherContent(NotStored):
    """The RequestID was used before, with different content."""

    refusal = AskedOtherwise


class OtherKey(NotStored):
    """The RequestID was used before by another API key or by staff, so the contents are not compared."""

    refusal = AskedOtherwise


class NotCompared(NotStored):
    """The RequestID was used too often with other contents, so contents are no longer compared."""

    refusal = AskedOtherwise


class NotComparable(NotStored):
    """The RequestID was used before, but the contents cannot be compared, because a key was lost."""

    refusal = AskedOtherwise


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored request. `is_new` is false if the RequestID was used before with the same content.

    If `is_sent_now`, it is stored as sent, so its frame must be sent now. `after` is the key of the newest unsent
    request that the outlet had before this request was stored, or 0 if the outlet had none. `after` is None if
    another process, or a connection that was lost, has sent open requests of the outlet.
    """

    pk: int
    uuid: UUID
    is_new: bool
    is_sent_now: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The current state of a request.

    `pruned_at` is the time at which its payload and answer were deleted. `is_unreadable` says that the answer is stored
    but its key is missing.
    """

    uuid: UUID
    pk: int
    state: str
    failure: str = ""
    result_code: int | None = None
    error_message: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)
    pruned_at: datetime | None = None
    is_unreadable: bool = False

    @classmethod
    def of(cls, ending: "Ending", uuid: UUID) -> "Result":
        """Return the result of a request that just ended; `uuid` is the id of the request."""
        return cls(
            uuid=uuid,
            pk=ending.pk,
            state=str(ending.state),
            failure=ending.failure,
            result_code=ending.result_code,
            error_message=ending.error_message,
            answer=ending.answer,
        )

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """How a request ended. If the POS answered, this includes the answer's code, text and payload."""

    pk: int
    state: RequestState
    at: datetime
    failure: str = ""
    result_code: int | None = None
    error_message: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request with everything that a process needs to send it."""

    pk: int
    integration_id: int
    request_id: str
    content: Content = field(repr=False)
    send_before: datetime
    answer_before: datetime
    was_sent: bool
    correlation_id: str = ""
    traceparent: str = ""
    disconnects: int = 0
    retry_at: datetime | None = None
    sent_by: UUID | None = None
    last_sent_at: datetime | None = None

    @classmethod
    def of(cls, new: NewRequest, pk: int, *, was_sent: bool) -> "Waiting":
        """Return a Waiting for a request that was just stored. `was_sent` says whether it was stored as sent."""
        return cls(
            pk=pk,
            integration_id=new.integration_id,
            request_id=new.request_id,
            content=new.content,
            send_before=new.send_before,
            answer_before=new.answer_before,
            was_sent=was_sent,
            correlation_id=new.correlation_id,
            traceparent=new.traceparent,
        )
