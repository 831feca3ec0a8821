"""Parses the body of a call that sends a request to a POS. The payload stays exactly as the caller wrote it."""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from integrations.backend.base import correlation
from integrations.backend.base.body_parsing import UNKNOWN, read_members
from integrations.backend.base.idempotency import HEADER
from integrations.backend.base.problems import invalid, invalid_fields
from integrations.models import MessageType, Request
from integrations.models.fields.texts import longest
from integrations.services.requests.contents import Content
from integrations.services.requests.request_types import MAX_EXPIRES_IN, NewRequest
from integrations.text.random_ids import new_uuid

MAX_MESSAGE_TYPE = 2**31 - 1
DEFAULT_TIMEOUT, MAX_TIMEOUT = 30, 120  # seconds
MODES = ("wait", "async")

_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class _Wrong(ValueError):
    """A value is wrong; the message says why."""


@dataclass(frozen=True, slots=True)
class OrderCall:
    """A parsed call; `message_type` is a number or the name of a known message type."""

    message_type: int | str
    payload: str = field(repr=False)
    device_id: str
    user_identifier: str | None = field(default=None, repr=False)
    request_id: str | None = None
    mode: str = "wait"
    timeout: int = DEFAULT_TIMEOUT
    expires_in: int = 0
    durable: bool = True
    validate: bool | None = None  # None: validate if the message type was sent by name and has a model

    def identified_by(self, key: str | None) -> "OrderCall":
        """Return this order with `key`, the Idempotency-Key, as its request_id; without a key, return it unchanged.

        Raises Problem if the order already has a different request_id.
        """
        if key is None or key == self.request_id:
            return self
        if self.request_id is not None:
            raise invalid("request_id", f"differs from the header {HEADER}: send one of them")
        return replace(self, request_id=key)

    def as_request(
        self, message_type: int, *, integration_id: int, api_key_id: int, received_at: datetime
    ) -> NewRequest:
        """Return the request to store or to send."""
        return NewRequest.of(
            Content(
                message_type=message_type,
                device_id=self.device_id,
                user_identifier=self.user_identifier,
                payload=self.payload,
            ),
            received_at=received_at,
            wait=self.timeout,
            expires_in=self.expires_in,
            is_durable=self.durable,
            integration_id=integration_id,
            api_key_id=api_key_id,
            request_id=self.request_id or str(new_uuid()),
            store_before=received_at + timedelta(seconds=self.timeout),
            correlation_id=correlation.current(),
            traceparent=correlation.traceparent(),
        )


def read_order(body: bytes) -> OrderCall:
    """Parse the body of a call into an order. Raises a Problem that names each wrong field."""
    given = read_members(body)
    values: dict[str, Any] = {}
    errors = {name: "is missing" for name in _REQUIRED if name not in given}
    for name, spelled in given.items():
        read = _READERS.get(name)
        if read is None:
            errors[name[:64]] = UNKNOWN
            continue
        try:
            values[name] = read(spelled)
        except _Wrong as error:
            errors[name] = str(error)
    if errors:
        raise invalid_fields(errors)
    order = OrderCall(**values)
    if contradictions := _contradictions(order):
        raise invalid_fields(contradictions)
    return order


def _contradictions(order: OrderCall) -> dict[str, str]:
    if order.durable:
        return {}
    errors = {}
    if order.expires_in:
        errors["expires_in"] = "cannot be used with durable: false, which makes only one attempt"
    if order.mode == "async":
        errors["mode"] = "must be wait with durable: false, because the outcome is not stored for later"
    return errors


def _payload(spelled: str) -> str:
    if not spelled.startswith("{"):
        raise _Wrong("must be an object")
    return spelled


def _message_type(spelled: str) -> int | str:
    if spelled.startswith('"'):
        return _text_of_length(1, longest(MessageType, "name"))(spelled)
    return _whole_number(0, MAX_MESSAGE_TYPE, "must be a number or the name of a known message type")(spelled)


def _text_of_length(least: int, most: int) -> Callable[[str], str]:
    def read(spelled: str) -> str:
        value = json.loads(spelled) if spelled.startswith('"') else None
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise _Wrong(f"must be a string of {least} to {most} characters")
        if _NOT_TEXT.search(value):
            raise _Wrong("contains a control character")
        return value

    return read


def _text_or_null(spelled: str) -> str | None:
    return None if spelled == "null" else _user_identifier(spelled)


def _whole_number(least: int, most: int, message: str = "") -> Callable[[str], int]:
    def read(spelled: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,10}", spelled) or not least <= int(spelled) <= most:
            raise _Wrong(message or f"must be a whole number from {least} to {most}")
        return int(spelled)

    return read


def _flag(spelled: str) -> bool:
    if spelled not in ("true", "false"):
        raise _Wrong("must be true or false")
    return spelled == "true"


def _mode(spelled: str) -> str:
    for mode in MODES:
        if spelled == f'"{mode}"':
            return mode
    raise _Wrong("must be wait or async")


_user_identifier = _text_of_length(0, longest(Request, "user_identifier"))

_READERS: dict[str, Callable[[str], Any]] = {
    "message_type": _message_type,
    "payload": _payload,
    "device_id": _text_of_length(1, longest(Request, "device_id")),
    "user_identifier": _text_or_null,
    "request_id": _text_of_length(1, longest(Request, "request_id")),
    "mode": _mode,
    "timeout": _whole_number(1, MAX_TIMEOUT),
    "expires_in": _whole_number(0, MAX_EXPIRES_IN),
    "durable": _flag,
    "validate": _flag,
}
_REQUIRED = [each.name for each in fields(OrderCall) if each.default is MISSING]
