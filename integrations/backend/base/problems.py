"""Problem details (RFC 9457): each problem of the API has a permanent type, a title and an HTTP status.

If a service refuses a call, the type ends in the name of the refusal's class, with hyphens (`of_refusal`).
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpResponse
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAcceptable

from integrations.backend.base import correlation
from integrations.services import metrics
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.requests.request_types import (
    NotComparable,
    NotCompared,
    OtherContent,
    OtherKey,
    PosOffline,
    QueueFull,
)
from integrations.services.rows.threads import DatabaseUnresponsive
from integrations.wire.plain_http import PlainResponse

RETRY_AFTER = 5  # seconds
OTHER_KEY = "It belongs to another API key or to the portal's staff, so the content was not compared."
NOT_COMPARED = "It was used too often with different content, so the content was not compared. GET shows the outcome."
NOT_COMPARABLE = "The request_id was used before. Whether the content was the same can no longer be checked."

UNRESPONSIVE = "The database did not answer in time."

_HEADERS = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem. `members` are the members that it can have in addition to the standard ones."""

    name: str
    title: str
    status: int
    members: tuple[str, ...] = ()
    can_be_retried: bool = False  # whether the answer has a Retry-After header

    @property
    def type(self) -> str:
        """The identifier that callers compare. It never changes, even if the title does."""
        return f"urn:order-n-pay:problem:{self.name}"


# The members of a problem about a stored request; `location` is also in the Location header.
_STORED = ("id", "request_id", "location", "state")


MALFORMED = ProblemKind("malformed-request", "The HTTP request cannot be read.", 400)
INVALID_KEY = ProblemKind("invalid-api-key", "The API key is missing or not valid.", 401)
MISSING_SCOPE = ProblemKind(
    "missing-scope", "The API key does not have the scope that this call requires.", 403, ("scope",)
)
NETWORK_NOT_ALLOWED = ProblemKind("network-not-allowed", "The API key cannot be used from this network.", 403)
LIMITED_KEY = ProblemKind(
    "limited-key", "The API key is limited to one organisation, so it cannot create another.", 403
)
NOT_FOUND = ProblemKind("not-found", "There is nothing at this address.", 404)
UNKNOWN_OUTLET = ProblemKind("unknown-outlet", "No outlet with this ProviderOutletID is visible to the API key.", 404)
UNKNOWN_ORGANISATION = ProblemKind(
    "unknown-organisation", "No organisation with this id is visible to the API key.", 404
)
UNKNOWN_LINK = ProblemKind("unknown-handover-link", "The outlet has no hand-over link with this id.", 404)
UNKNOWN_WEBHOOK = ProblemKind(
    "unknown-webhook-endpoint", "No webhook endpoint with this id is visible to the API key.", 404
)
UNKNOWN_DELIVERY = ProblemKind("unknown-delivery", "No delivery with this id is visible to the API key.", 404)
UNKNOWN_REQUEST = ProblemKind("unknown-request", "No request with this id is visible to the API key.", 404)
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", "This address does not support this method.", 405)
NOT_ACCEPTABLE = ProblemKind("not-acceptable", "The document is not available in an accepted format.", 406)
LATE = ProblemKind("request-timeout", "The HTTP request did not arrive completely in time.", 408)
OTHER_CONTENT = ProblemKind(
    "request-id-reused", "The request_id was already used by another API key or with different content.", 409
)
DISABLED = ProblemKind("integration-disabled", "Order N Pay is not enabled for this outlet.", 409)
ALREADY_LEFT = ProblemKind("not-cancellable", "The request was already sent, or has ended.", 409, ("state",))
CANCELLED = ProblemKind("request-cancelled", "The request was cancelled before it was sent.", 409, _STORED)
UNREADABLE = ProblemKind(
    "content-unreadable",
    "The content was encrypted with a key that the portal does not have.",
    410,
    ("id", "request_id", "state", "result_code"),
)
TOO_LARGE = ProblemKind("too-large", "The body of the HTTP request is too large.", 413)
TARGET_TOO_LONG = ProblemKind("target-too-long", "The target of the HTTP request is too long.", 414)
INVALID_INPUT = ProblemKind("invalid-input", "The input is not valid.", 422, ("errors",))
QUEUE_FULL = ProblemKind("queue-full", "Too many requests are waiting for this outlet.", 429, can_be_retried=True)
RATE_LIMITED = ProblemKind("rate-limited", "The API key has sent too many calls.", 429, can_be_retried=True)
MANY_BODIES = ProblemKind(
    "too-many-bodies", "Too many unfinished HTTP requests from this address.", 429, can_be_retried=True
)
MANY_REQUESTS = ProblemKind(
    "too-many-requests", "Too many HTTP requests are waiting on this connection.", 429, can_be_retried=True
)
HEAD_TOO_LARGE = ProblemKind("headers-too-large", "There are too many headers, or they are too large.", 431)
FAULT = ProblemKind("internal", "Internal error in the portal.", 500)
UNKNOWN_CODING = ProblemKind("unknown-transfer-coding", "The body uses an unknown transfer coding.", 501)
FAILED = ProblemKind("request-failed", "The request has failed.", 502, _STORED)
POS_OFFLINE = ProblemKind("pos-offline", "The outlet's POS is offline.", 503, can_be_retried=True)
LINK_LOST = ProblemKind(
    "link-lost",
    "The connection was lost before the POS answered, so the request, which is not durable, ended.",
    503,
    ("id", "request_id"),
    can_be_retried=True,
)
DRAINING = ProblemKind("restarting", "The portal is restarting.", 503, _STORED, can_be_retried=True)
NOT_READY = ProblemKind(
    "not-ready", "This server of the portal cannot check all API keys yet.", 503, can_be_retried=True
)
DATABASE_AWAY = ProblemKind(
    "database-away", "The portal's database is unavailable.", 503, ("request_id",), can_be_retried=True
)
NO_ANSWER = ProblemKind("no-answer-yet", "The POS has not answered yet. The request continues.", 504, _STORED)
EXPIRED = ProblemKind("request-expired", "The request expired without an answer.", 504, _STORED)
OTHER_VERSION = ProblemKind("unknown-http-version", "This HTTP version is not supported.", 505)


class Problem(Exception):
    """Ends a call with a problem; `more` are members in addition to the standard ones."""

    def __init__(
        self, kind: ProblemKind, detail: str | None = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.more = more
        self.headers = headers_of(kind) | (headers or {})


def invalid(field: str, message: str) -> Problem:
    """Return the problem for one invalid field; see `invalid_fields`."""
    return invalid_fields({field: message})


def invalid_fields(messages: Mapping[str, str]) -> Problem:
    """Return the problem for invalid fields. Each message is a sentence or a predicate, such as `is missing`."""
    errors = [{"field": field, "message": _sentence(message)} for field, message in messages.items()]
    return Problem(INVALID_INPUT, " ".join(f"{each['field']}: {each['message']}" for each in errors), errors=errors)


def of_refusal(refusal: type[PortalError]) -> ProblemKind:
    """Return the problem for a service's refusal. AlreadyEnabled, for example, has the type …:already-enabled.

    The status is 422 if the refusal names a field. Otherwise it is the status of the refusal, but 409 instead of 400,
    because the API returns 400 only for a request that it cannot read.
    """
    if issubclass(refusal, InvalidValue):
        return INVALID_INPUT
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", refusal.__name__).lower()
    status = HTTPStatus.CONFLICT if refusal.status == HTTPStatus.BAD_REQUEST else refusal.status
    if refusal.field:
        return ProblemKind(name, refusal.message, HTTPStatus.UNPROCESSABLE_ENTITY, ("errors",))
    return ProblemKind(name, refusal.message, status, can_be_retried=refusal.retry_after is not None)


def answer(error: Exception) -> PlainResponse:
    """Return the answer for an exception that ended a call; log an unexpected one."""
    problem = _problem_of(error)
    metrics.problems.labels(problem.kind.name).inc()
    content = {"type": problem.kind.type, "title": problem.kind.title, "status": problem.kind.status}
    if problem.detail:
        content["detail"] = problem.detail
    if correlation_id := correlation.current():
        content["correlation_id"] = correlation_id
    body = json.dumps(content | problem.more, ensure_ascii=False).encode()
    response = PlainResponse(problem.kind.status, _HEADERS, body)
    for name, value in problem.headers.items():
        response.set_header(name.lower().encode(), value)
    return response


def handle(error: Exception, _context: dict[str, Any]) -> HttpResponse:
    """Return the answer for an exception in a view that uses DRF's error handling (see backend/description.py)."""
    return answer(error).for_django()


def _problem_of(error: Exception) -> Problem:
    # Services do not know the API's problem types, so their errors are mapped here. A test checks that every subclass
    # of NotStored is mapped, except TooLate, which the view of requests handles.
    match error:
        case Problem():
            return error
        case PosOffline():
            return Problem(POS_OFFLINE)
        case QueueFull():
            return Problem(QUEUE_FULL)
        case OtherContent():
            return Problem(OTHER_CONTENT)
        case OtherKey():
            return Problem(OTHER_CONTENT, OTHER_KEY)
        case NotCompared():
            return Problem(OTHER_CONTENT, NOT_COMPARED)
        case NotComparable():
            return Problem(UNREADABLE, NOT_COMPARABLE)
        case InvalidValue():
            return invalid(error.field, error.sentence)
        case PortalError():
            return _problem_of_refusal(error)
    return _problem_of_framework(error)


def _problem_of_framework(error: Exception) -> Problem:
    match error:
        case RequestDataTooBig():
            return Problem(TOO_LARGE)
        case Http404():
            return Problem(NOT_FOUND)
        case NotAcceptable():
            return Problem(NOT_ACCEPTABLE, "Omit the Accept header and the `format` parameter.")
        case MethodNotAllowed():
            return Problem(METHOD_NOT_ALLOWED)
        case APIException():
            return Problem(INVALID_INPUT, str(error.detail))
        case DatabaseUnresponsive():
            return Problem(DATABASE_AWAY, UNRESPONSIVE)
        case DatabaseError() | InterfaceError():
            details = {"error": f"{type(error).__name__}: {error}"}
            logger.warning("API call failed because the database was unavailable.", extra=details)
            return Problem(DATABASE_AWAY)
    logger.error("Unhandled error while processing an API call.", exc_info=error)
    return Problem(FAULT)


def _problem_of_refusal(error: PortalError) -> Problem:
    sentences = (str(error) if str(error) != error.message else "", error.hint)
    errors: dict[str, Any] = {"errors": [{"field": error.field, "message": str(error)}]} if error.field else {}
    headers = {"Retry-After": f"{error.retry_after:.0f}"} if error.retry_after else None
    return Problem(of_refusal(type(error)), " ".join(filter(None, sentences)) or None, headers=headers, **errors)


def headers_of(kind: ProblemKind) -> dict[str, str]:
    """Return the header fields of every answer with this problem."""
    if kind.can_be_retried:
        return {"Retry-After": str(RETRY_AFTER)}
    if kind.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="Order N Pay"'}
    return {}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
