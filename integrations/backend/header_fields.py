"""Derives the header fields of each operation in the OpenAPI document from the operation's method and responses."""

from datetime import timedelta
from typing import Any

from integrations.backend.base import idempotency
from integrations.backend.base.problem_schema import kinds_in
from integrations.backend.base.problems import headers_of
from integrations.backend.base.schema import SENDING
from integrations.models.api_key import MAX_IDEMPOTENCY_KEY
from integrations.security import correlation_ids
from integrations.services.api_keys.idempotency import KEPT
from integrations.wire.payloads.json_schema import name_in

POS_KEY = "The `request_id`, for callers that send an idempotency key as a header field. Send one of the two."
KEY = (
    f"A repeat of the call with the same key within {KEPT // timedelta(hours=1)} hours gets the first answer and "
    "changes nothing. The key belongs to the API key. It is a quoted string (RFC 9651), or the same text without "
    "quotes."
)
CALL_ID = (
    f"An id for this call: a letter or a digit, followed by at most {correlation_ids.MAX_LENGTH - 1} letters, digits "
    "and . _ : / + = -. The portal replaces any other."
)
TRACED = (
    "The trace of the caller (W3C Trace Context). The log lines about the call, and the webhook about the end of a "
    "request that it sends, carry it. An invalid one is ignored."
)
_TEXT: dict[str, Any] = {"type": "string"}
_HEADERS = {
    "X-Request-ID": {"description": "The id of this call, in the portal's log too.", "schema": _TEXT},
    "RateLimit-Policy": {
        "description": "The limit of the API key: `q` calls in `w` seconds; absent if no key was accepted.",
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "The calls that are left (`r`), and the seconds until all are available again (`t`).",
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "The seconds after which the same call may succeed; absent if the problem is not temporary.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Location": {
        "description": "The path of the created row, or of the stored request that the call concerns.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {"description": 'The URL of the next page, with rel="next"; absent on the last one.', "schema": _TEXT},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": _TEXT},
    "Idempotent-Replayed": {
        "description": "Present if this is the stored answer to an earlier call with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def add_header_fields(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add the header fields of calls and answers."""
    result["components"]["headers"] = _HEADERS
    result["components"]["parameters"] = {
        "RequestIdHeader": _parameter("X-Request-ID", CALL_ID),
        "Traceparent": _parameter("traceparent", TRACED),
        "IdempotencyKey": _parameter(idempotency.HEADER, KEY, MAX_IDEMPOTENCY_KEY),
        "PosRequestId": _parameter(idempotency.HEADER, POS_KEY, MAX_IDEMPOTENCY_KEY),
    }
    schemas = result["components"]["schemas"]
    for calls in result["paths"].values():
        for method, call in calls.items():
            _describe(method, call, schemas)
    return result


def _parameter(name: str, description: str, longest: int | None = None) -> dict[str, Any]:
    schema = _TEXT | ({"minLength": 1, "maxLength": longest} if longest else {})
    return {"name": name, "in": "header", "description": description, "required": False, "schema": schema}


def _describe(method: str, call: dict[str, Any], schemas: dict[str, Any]) -> None:
    is_change = method != "get" and call["operationId"] != SENDING
    accepted = ["RequestIdHeader", "Traceparent"]
    if method != "get":
        accepted.append("IdempotencyKey" if is_change else "PosRequestId")
    call.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in accepted)
    for status, response in call["responses"].items():
        names = ["X-Request-ID", "RateLimit-Policy", "RateLimit"]
        kinds = kinds_in(response)
        names += [name for kind in kinds for name in headers_of(kind)]
        names += ["Location"] if status in ("201", "202") or any("location" in kind.members for kind in kinds) else []
        names += ["Link"] if _is_page(response, schemas) else []
        names += ["Idempotent-Replayed"] if is_change and int(status) < 400 else []
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = headers | response.get("headers", {})


def _is_page(response: dict[str, Any], schemas: dict[str, Any]) -> bool:
    schema = response["content"].get("application/json", {}).get("schema", {})
    return "next" in schemas.get(name_in(schema), {}).get("properties", {})
