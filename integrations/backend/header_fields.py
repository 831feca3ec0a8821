"""Describes the header fields of every operation in the OpenAPI document, without naming the operations."""

from typing import Any

from integrations.backend.base import correlation, idempotency
from integrations.backend.base.schema import PROBLEM_JSON
from integrations.models.api_key import MAX_IDEMPOTENCY_KEY
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused

SENDING = "send_request"  # its Idempotency-Key is the request_id
POS_KEY = "The `request_id`, for callers that send an idempotency key as a header field. Send one of the two."
KEY = (
    "A repeat of the call with the same key within 24 hours gets the first answer and changes nothing. The key belongs "
    "to the API key. It is a quoted string (RFC 9651), or the same text without quotes."
)

REFUSALS = (IdempotencyKeyInUse, FirstAnswerUnreadable, IdempotencyKeyReused)
_RETRIED = ("409", "429", "503")  # statuses whose answer can have a Retry-After
_TEXT = {"type": "string"}
_HEADERS = {
    "X-Request-ID": {"description": "The id of this call, in the portal's log too.", "schema": _TEXT},
    "RateLimit-Policy": {
        "description": "The limit of the API key: `q` calls in `w` seconds; absent if the key was not accepted.",
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "The calls that are left (`r`), and the seconds until all are available again (`t`).",
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "The seconds after which the same call may succeed.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Location": {"description": "The path of the request.", "schema": {"type": "string", "format": "uri-reference"}},
    "Idempotent-Replayed": {
        "description": "Present if this is the first answer to a repeated Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def add_header_fields(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add the header fields of calls and answers, and the refusals of an Idempotency-Key."""
    result["components"]["headers"] = _HEADERS
    result["components"]["parameters"] = {
        "RequestIdHeader": _parameter("X-Request-ID", "An id for this call.", correlation.MAX_LENGTH),
        "IdempotencyKey": _parameter(idempotency.HEADER, KEY, MAX_IDEMPOTENCY_KEY),
        "PosRequestId": _parameter(idempotency.HEADER, POS_KEY, MAX_IDEMPOTENCY_KEY),
    }
    for calls in result["paths"].values():
        for method, call in calls.items():
            _describe(method, call)
    return result


def _parameter(name: str, description: str, longest: int) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return {"name": name, "in": "header", "description": description, "required": False, "schema": schema}


def _describe(method: str, call: dict[str, Any]) -> None:
    is_sending = call["operationId"] == SENDING
    accepted = ["RequestIdHeader"]
    if method == "post":
        accepted.append("PosRequestId" if is_sending else "IdempotencyKey")
        if not is_sending:
            _add_refusals(call["responses"])
    call.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in accepted)
    for status, response in call["responses"].items():
        names = ["X-Request-ID", "RateLimit-Policy", "RateLimit"]
        names += ["Retry-After"] if status in _RETRIED else []
        names += ["Location"] if is_sending and int(status) >= 202 else []
        names += ["Idempotent-Replayed"] if method == "post" and not is_sending and int(status) < 400 else []
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = headers | response.get("headers", {})


def _add_refusals(responses: dict[str, Any]) -> None:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for refusal in REFUSALS:
        responses.setdefault(
            str(refusal.status.value), {"description": refusal.message, "content": {PROBLEM_JSON: problem}}
        )
