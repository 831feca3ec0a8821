"""The messages on the POS's websocket (protocol notes, section 2): the request we write, the answer we read."""

import json
import re
from typing import Any

from django.conf import settings

from integrations import raw_json
from integrations.relay.lane import Answer

RESULT_CODES = range(-(2**31), 2**31)  # what .NET's int holds, and our column

_NOT_KEPT = re.compile("[\x00\ud800-\udfff]")  # JSON can spell these, no database takes them


def write_request(
    *, request_id: str, message_type: int, device_id: str, user_identifier: str | None, payload: str
) -> str:
    """Return an OrderNPayWebsocketRequest; the payload goes in as it was spelled. PascalCase, as in all examples."""
    envelope = {
        "RequestID": request_id,
        "ProviderID": settings.PROVIDER_ID,
        "ProviderName": settings.PROVIDER_NAME,
        "DeviceID": device_id,
        "UserIdentifier": user_identifier,
        "MessageType": message_type,
    }
    return raw_json.write(envelope, {"Payload": payload})


def read_answer(text: str) -> tuple[str, Answer] | None:
    """Return the RequestID and the answer of an OrderNPayWebsocketResponse, or None for any other frame.

    Keys are read in any letter case. What must be there is RequestID and ResultCode: all else may be missing.
    """
    try:
        given = {key.lower(): value for key, value in raw_json.members(text).items()}
        request_id, code, message = (_value(given, name) for name in ("requestid", "resultcode", "errormessage"))
    except ValueError:
        return None
    if not isinstance(request_id, str) or not _is_result_code(code):
        return None
    payload = given.get("payload", "null")
    return request_id, Answer(code, _text(message, given), None if payload == "null" else payload)


def _is_result_code(code: Any) -> bool:
    return isinstance(code, int) and not isinstance(code, bool) and code in RESULT_CODES


def _text(message: Any, given: dict[str, str]) -> str | None:
    if message is None:
        return None
    text = message if isinstance(message, str) else given["errormessage"]
    return _NOT_KEPT.sub("\N{REPLACEMENT CHARACTER}", text)


def _value(given: dict[str, str], name: str) -> Any:
    return json.loads(given[name]) if name in given else None
