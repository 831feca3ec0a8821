"""Parses requests and writes answers in PowerEPOS's documented format. Does no I/O, and applies no rules of the till.

Keys are written in PascalCase with explicit nulls, as in all examples (SEEN), and read in any letter case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from integrations.simulator import json_text
from integrations.simulator.message_numbers import names_by_number
from integrations.simulator.payload_fields import Fields

SUCCESS = 0
UNKNOWN_USER = 4
# PowerEPOS does not document the ResultCodes of these refusals. The numbers below are far from the documented ones, so
# they cannot be mistaken for real ResultCodes.
UNSUPPORTED_MESSAGE = 9001
USER_NOT_PERMITTED = 9002
MALFORMED_PAYLOAD = 9003
INSUFFICIENT_STOCK = 9004
UNKNOWN_SERVICE_MODE = 9005
UNKNOWN_TABLE = 9006
UNKNOWN_PRODUCT = 9007
UNKNOWN_ADJUSTMENT = 9008
UNKNOWN_ORDER = 9009
ORDER_CLOSED = 9010
ORDER_IN_USE = 9011
WRONG_AMOUNT = 9012

UNKNOWN_USER_TEXT = "No user was found matching the specified logon!"
_NAMES = names_by_number()
_SURROGATES = re.compile("[\ud800-\udfff]")


class NotARequestError(ValueError):
    """The frame is not a request. The error's text is the reason; the journal puts "ignored a frame:" before it."""


@dataclass(frozen=True, kw_only=True)
class TillRequest:
    """One request to the POS. `name` is the method's name, or "message type 99" if the number 99 has no name."""

    request_id: str | None
    user_identifier: str | None = field(repr=False)
    message_type: int
    name: str
    payload: Fields = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TillAnswer:
    result_code: int = SUCCESS
    error_message: str | None = field(default=None, repr=False)
    payload: Mapping[str, object] | None = field(default=None, repr=False)


def read_request(frame: str | bytes, names: Mapping[int, str] = _NAMES) -> TillRequest:
    """Parse OrderNPayWebsocketRequest. Raises NotARequestError unless the frame is a JSON object with valid fields.

    The fields inside the payload are not checked here. A payload that is not an object is treated as empty.
    """
    envelope = folded(_read_frame(frame))
    message_type = envelope.get("messagetype")
    if not isinstance(message_type, int) or isinstance(message_type, bool):
        raise NotARequestError("it has no whole number as MessageType")
    name = names.get(message_type, f"message type {message_type}")
    payload = envelope.get("payload")
    return TillRequest(
        request_id=_optional_text(envelope, "RequestID"),
        user_identifier=_optional_text(envelope, "UserIdentifier"),
        message_type=message_type,
        name=name,
        payload=Fields(payload if isinstance(payload, dict) else None, method=name),
    )


def write_answer(request: TillRequest, answer: TillAnswer) -> str:
    """Return OrderNPayWebsocketResponse with the RequestID and MessageType of the request."""
    envelope = {
        "RequestID": request.request_id,
        "ResultCode": answer.result_code,
        "ErrorMessage": answer.error_message,
        "MessageType": request.message_type,
        "Payload": answer.payload,
    }
    return json_text.write(envelope)


def auth_request(*, provider_outlet_id: str, pos_remote_id: str, auth_secret: str) -> dict[str, str]:
    return {
        "ProviderOutletID": provider_outlet_id,
        "POSRemoteID": pos_remote_id,
        "AuthSecret": auth_secret,
    }


def find_access_token(body: bytes) -> str | None:
    return _find_text(body, "AccessToken")


def find_error_message(body: bytes) -> str | None:
    return _find_text(body, "ErrorMessage")


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is non-empty text without lone surrogates, which JSON allows and UTF-8 does not."""
    return isinstance(value, str) and value != "" and not _SURROGATES.search(value)


def folded(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values under case-folded keys; nested objects are not changed."""
    return {key.casefold(): value for key, value in values.items()}


def _read_frame(frame: str | bytes) -> dict[str, object]:
    if isinstance(frame, bytes):
        raise NotARequestError("it is binary")
    try:
        value = json_text.read(frame)
    except ValueError:
        raise NotARequestError("it is not JSON") from None
    if not isinstance(value, dict):
        raise NotARequestError("it is not a JSON object")
    return value


def _optional_text(envelope: Mapping[str, object], key: str) -> str | None:
    value = envelope.get(key.casefold())
    if value is not None and not isinstance(value, str):
        raise NotARequestError(f"its {key} is neither text nor null")
    return value


def _find_text(body: bytes, key: str) -> str | None:
    try:
        value = json_text.read(body.decode("utf-8-sig"))
    except ValueError:
        return None
    found = folded(value).get(key.casefold()) if isinstance(value, dict) else None
    return found if is_text(found) else None
