"""Writes the requests, and reads the answers, that a POS's websocket carries."""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings

from integrations.text.characters import trimmed
from integrations.wire import raw_json

# the longest spelling of a RequestID: 256 characters, each as an escaped surrogate pair, in quotation marks
MAX_SPELLED_ID = 2 + 12 * 256
MAX_SPELLED_CODE = 1000  # the maximum length of a ResultCode as text; zeros can make it long, as in "0.000"
RESULT_CODES = range(-(2**31), 2**31)  # the range of .NET's int and of the database column

NOT_JSON = (
    "The POS's answer could not be read: it is not valid JSON, "
    f"or its objects and lists nest more than {raw_json.MOST_NESTED} levels deep."
)
NOT_UTF8 = "The POS's answer could not be read: it is not valid UTF-8."
NO_ANSWER = "The POS's answer could not be read: it is valid JSON, but no object with a RequestID and a ResultCode."
NO_CODE = "The POS's answer could not be read: its ResultCode is missing, or is not a whole number."

# An answer has at least one of these. A frame with a RequestID and none of them is not an answer.
_ANSWER_KEYS = {"resultcode", "errormessage", "payload"}
# 0, -0, 0.0, 0e0 and "0" are the same to a tolerant reader. Exponents are bounded by the range of Decimal.
_NUMBER = re.compile(r"[+-]?[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]{1,9})?")
_ID_IN_TEXT = re.compile(
    r"""["']requestid["'][ \t\r\n]*+:[ \t\r\n]*+("(?:[^"\\]|\\.)*+"|'[^'\\"]*+'|[0-9]{1,256})""", re.IGNORECASE
)
_NOT_KEPT = re.compile("[\x00\ud800-\udfff]")  # valid in JSON, but databases reject them


@dataclass(frozen=True, slots=True)
class Answer:
    """A POS's answer; `payload` is JSON exactly as sent, or None if there was none."""

    result_code: int
    error_message: str | None = field(repr=False)
    payload: str | None = field(repr=False)


class Unreadable(Exception):
    """A POS's answer cannot be read; the message says why, for callers and staff."""


def write_request(
    *, request_id: str, message_type: int, device_id: str, user_identifier: str | None, payload: str
) -> str:
    """Return an OrderNPayWebsocketRequest with the payload unchanged. Keys are PascalCase, as in all examples."""
    envelope = {
        "RequestID": request_id,
        "ProviderID": settings.PROVIDER_ID,
        "ProviderName": settings.PROVIDER_NAME,
        "DeviceID": device_id,
        "UserIdentifier": user_identifier,
        "MessageType": message_type,
    }
    return raw_json.write(envelope, {"Payload": payload})


def read_answer(content: str | bytes) -> tuple[str, Answer | Unreadable] | None:
    """Return the RequestID and the answer of an OrderNPayWebsocketResponse, or None for any other frame.

    Keys are matched in any letter case, and a ResultCode may be any spelling of a whole number. An answer that has
    no ResultCode or is not JSON is Unreadable, because the POS has handled the request with an unknown outcome.
    """
    text, is_whole = raw_json.read_text(content)
    text = _unwrapped(text)
    try:
        given = {key.lower(): value for key, value in raw_json.members(text).items()}
    except ValueError:
        request_id = _quoted_id(text)
        return (request_id, Unreadable(NOT_JSON if is_whole else NOT_UTF8)) if request_id else None
    request_id = _request_id(given.get("requestid", "null"))
    if request_id is None or not _ANSWER_KEYS & given.keys():
        return None
    return request_id, _answer_of(given) if is_whole else Unreadable(NOT_UTF8)


def why_unreadable(content: str | bytes) -> Unreadable:
    """Return why `read_answer` cannot read a frame that refers to a request."""
    text, is_whole = raw_json.read_text(content)
    if not is_whole:
        return Unreadable(NOT_UTF8)
    try:
        raw_json.load(text)
    except ValueError:
        return Unreadable(NOT_JSON)
    return Unreadable(NO_ANSWER)


def _unwrapped(text: str) -> str:
    """Return the JSON inside a JSON string, because some clients serialise twice; return any other text unchanged."""
    if not text.startswith('"'):
        return text
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    return raw_json.read_text(inner)[0] if isinstance(inner, str) else text


def _answer_of(given: dict[str, str]) -> Answer | Unreadable:
    code = _result_code(given.get("resultcode", "null"))
    if code is None:
        return Unreadable(NO_CODE)
    payload = given.get("payload", "null")
    return Answer(code, _error_message(given.get("errormessage", "null")), None if payload == "null" else payload)


def _quoted_id(text: str) -> str | None:
    found = _ID_IN_TEXT.search(text)
    return _request_id(found[1].replace("'", '"')) if found else None


def _request_id(spelled: str) -> str | None:
    """Return a RequestID as text, even if it was sent as a number; None if it is too long or of another type."""
    if len(spelled) > MAX_SPELLED_ID:
        return None
    try:
        value = json.loads(spelled)
    except ValueError:
        return None
    if isinstance(value, str):
        return value
    return spelled if isinstance(value, int) and not isinstance(value, bool) else None


def _result_code(spelled: str) -> int | None:
    """Return a ResultCode, or None if it is not a whole number in the valid range."""
    if spelled == "0":
        return 0
    if len(spelled) > MAX_SPELLED_CODE:
        return None
    text = trimmed(json.loads(spelled)) if spelled.startswith('"') else spelled
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    is_whole = RESULT_CODES[0] <= number <= RESULT_CODES[-1] and number == number.to_integral_value()
    return int(number) if is_whole else None


def _error_message(spelled: str) -> str | None:
    """Return an ErrorMessage; a value that is not a string is used exactly as sent."""
    if spelled == "null":
        return None
    return _NOT_KEPT.sub("\N{REPLACEMENT CHARACTER}", json.loads(spelled) if spelled.startswith('"') else spelled)
