"""Names and shapes on the wire, as PowerEPOS documents them; no sockets and none of the till's rules.

Keys are written in PascalCase with explicit nulls, as all examples are (SEEN), and read in any letter case.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeGuard

from integrations.simulator.till import OpenOrder, User

GET_USER_FROM_PIN = 0
GET_OPEN_ORDERS = 1
MESSAGE_NAMES = {GET_USER_FROM_PIN: "GetUserFromPIN", GET_OPEN_ORDERS: "GetOpenOrders"}

SUCCESS = 0
UNKNOWN_USER = 4
# The real numbers of these are not documented; ones far outside of the real list cannot be mistaken for them.
UNSUPPORTED_MESSAGE = 9001
USER_NOT_PERMITTED = 9002
MALFORMED_PAYLOAD = 9003

_SURROGATES = re.compile("[\ud800-\udfff]")
UNKNOWN_USER_TEXT = "No user was found matching the specified logon!"


class NotARequestError(ValueError):
    """The frame asks nothing; the text says why, in words that follow "ignored a frame:"."""


class MalformedPayloadError(ValueError):
    """The request's payload lacks a field or has it in a wrong type; the text names the field."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question to the POS. `payload` has casefolded keys at its top level; None when it was no object."""

    request_id: str | None
    user_identifier: str | None
    message_type: int
    payload: Mapping[str, object] | None

    @property
    def name(self) -> str:
        return MESSAGE_NAMES.get(self.message_type, f"message type {self.message_type}")


@dataclass(frozen=True, kw_only=True)
class Answer:
    result_code: int = SUCCESS
    error_message: str | None = None
    payload: Mapping[str, object] | None = None


def read_request(frame: str | bytes) -> Request:
    """Reads OrderNPayWebsocketRequest; raises NotARequestError. Only what an answer needs is demanded."""
    envelope = folded(_read_frame(frame))
    message_type = envelope.get("messagetype")
    if not isinstance(message_type, int) or isinstance(message_type, bool):
        raise NotARequestError("it has no whole number as MessageType")
    payload = envelope.get("payload")
    return Request(
        request_id=_optional_text(envelope, "RequestID"),
        user_identifier=_optional_text(envelope, "UserIdentifier"),
        message_type=message_type,
        payload=folded(payload) if isinstance(payload, dict) else None,
    )


def write_answer(request: Request, answer: Answer) -> str:
    """Writes OrderNPayWebsocketResponse: RequestID and MessageType are the request's own."""
    envelope = {
        "RequestID": request.request_id,
        "ResultCode": answer.result_code,
        "ErrorMessage": answer.error_message,
        "MessageType": request.message_type,
        "Payload": answer.payload,
    }
    return json.dumps(envelope, default=_money)


def text_field(request: Request, key: str) -> str:
    """A text of the payload; raises MalformedPayloadError."""
    value = (request.payload or {}).get(key.casefold())
    if not isinstance(value, str):
        raise MalformedPayloadError(f"{request.name} needs the text {key} in its payload.")
    return value


def optional_text_field(request: Request, key: str) -> str:
    """A text of the payload, empty when it is missing or null; raises MalformedPayloadError."""
    if (request.payload or {}).get(key.casefold()) is None:
        return ""
    return text_field(request, key)


def flag_field(request: Request, key: str) -> bool:
    """False when it is missing or null, the default of every flag; raises MalformedPayloadError."""
    value = (request.payload or {}).get(key.casefold())
    if value is not None and not isinstance(value, bool):
        raise MalformedPayloadError(f"{request.name} needs true or false as {key} in its payload.")
    return bool(value)


def user_payload(user: User) -> dict[str, object]:
    return {
        "UserID": user.user_id,
        "UserName": user.name,
        "CanMakePayments": user.can_make_payments,
    }


def open_orders_payload(orders: Sequence[OpenOrder], *, user_orders_only: bool) -> dict[str, object]:
    return {
        "Orders": [_open_order_summary(order) for order in orders],
        "UserOrdersOnly": user_orders_only,
    }


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
    """Not empty, and free of the lone surrogates that JSON can spell and UTF-8 cannot."""
    return isinstance(value, str) and value != "" and not _SURROGATES.search(value)


def read_json(text: str) -> object:
    """Stricter than Python's own: NaN and Infinity are no JSON. Raises ValueError or RecursionError."""
    value: object = json.loads(text, parse_constant=_refuse_constant)
    return value


def folded(values: Mapping[str, object]) -> dict[str, object]:
    """The same values under keys that compare without letter case; nested objects are left as they are."""
    return {key.casefold(): value for key, value in values.items()}


def _read_frame(frame: str | bytes) -> dict[str, object]:
    if isinstance(frame, bytes):
        raise NotARequestError("it is binary")
    try:
        value = read_json(frame)
    except (ValueError, RecursionError):
        raise NotARequestError("it is not JSON") from None
    if not isinstance(value, dict):
        raise NotARequestError("it is not a JSON object")
    return value


def _optional_text(envelope: Mapping[str, object], key: str) -> str | None:
    value = envelope.get(key.casefold())
    if value is not None and not isinstance(value, str):
        raise NotARequestError(f"its {key} is neither a text nor null")
    return value


def _open_order_summary(order: OpenOrder) -> dict[str, object]:
    return {
        "SalesTransactionID": order.sales_transaction_id,
        "ServiceModePrefix": order.service_mode_prefix,
        "ServiceModeEntityID": order.table,
        "OrderNumberOpened": order.order_number,
        "OwnedBy_UserID": order.owner_id,
        "CurrencyCode": order.currency_code,
        "Amount": order.amount,
        "AmountOwing": order.amount_owing,
        "InUse": order.lock is not None,
        "InUseByTerminalDisplayID": order.lock.terminal if order.lock else None,
        "InUseByUserName": order.lock.user_name if order.lock else None,
    }


def _find_text(body: bytes, key: str) -> str | None:
    try:
        value = read_json(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    found = folded(value).get(key.casefold()) if isinstance(value, dict) else None
    return found if is_text(found) else None


def _money(value: object) -> float:
    """Money becomes a JSON number. decimal(13,2) fits a double exactly enough to be printed to the cent."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no shape on the wire.")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON.")
