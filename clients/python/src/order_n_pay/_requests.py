"""The body of a request to a POS."""

import math
import uuid
from collections.abc import Mapping

from typing_extensions import NotRequired, TypedDict

from order_n_pay._retrying import Deadline

_LONGEST_WAIT = 30  # seconds; the longest `timeout` of one attempt


class SubmitOptions(TypedDict):
    """The options of `submit`."""

    device_id: str
    """Which of your devices sends the request."""
    user_identifier: NotRequired[str | None]
    """A POS user's PIN or ID."""
    request_id: NotRequired[str]
    """Your idempotency key; generated if you pass none. Store it with your order to be able to send again."""
    expires_in: NotRequired[int]
    """Seconds that the request may wait for an offline POS. Without it, an offline POS is an error."""
    validate: NotRequired[bool]
    """Whether the portal checks the payload. By default, it does so if the message type is a name."""


class SendOptions(SubmitOptions):
    """The options of `send`."""

    durable: NotRequired[bool]
    """If false, the request is sent once, and not stored before that. Use it only for requests that change nothing."""
    deadline: NotRequired[float]
    """Seconds in which the outcome must be known; otherwise OutcomeUnknown is raised. Default: the client's."""


class RequestBody:
    """What each attempt sends: always the same request, with the same `request_id`."""

    def __init__(
        self, message_type: str | int, payload: Mapping[str, object], options: Mapping[str, object], *, mode: str
    ) -> None:
        self.request_id = str(options.get("request_id") or uuid.uuid4())
        self._content = {name: value for name, value in options.items() if name != "deadline"}
        self._content |= {"message_type": message_type, "payload": payload, "mode": mode, "request_id": self.request_id}

    def as_waiting_until(self, deadline: Deadline) -> Mapping[str, object]:
        """Return the body of the next attempt. Its `timeout` ends before the deadline, but is at least one second."""
        return self._content | {"timeout": max(1, min(_LONGEST_WAIT, math.floor(deadline.remaining)))}
