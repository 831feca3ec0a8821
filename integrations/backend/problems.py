"""Problem details (RFC 9457): what may go wrong, under a type that stays the same. The one place of statuses here."""

import json
import logging
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpResponse
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAcceptable

from integrations.backend import correlation
from integrations.services import metrics
from integrations.services.requests.request_types import (
    NotComparable,
    NotCompared,
    OtherContent,
    OtherKey,
    PosOffline,
    QueueFull,
)
from integrations.wire.plain_http import PlainResponse

RETRY_AFTER = 5  # seconds
OTHER_KEY = "It belongs to another API key, or to the portal's staff; what was asked is not compared."
NOT_COMPARED = "It came too often with another content, and is not compared any more. GET shows what became of it."
NOT_COMPARABLE = "The request_id was used before; whether with this content cannot be told any more."

_HEADERS = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One row of the table of problems."""

    name: str
    title: str
    status: int

    @property
    def type(self) -> str:
        """What a caller compares: it never changes, whatever becomes of the title."""
        return f"urn:order-n-pay:problem:{self.name}"


MALFORMED = ProblemKind("malformed-request", "The request cannot be read.", 400)
INVALID_KEY = ProblemKind("invalid-api-key", "The API key is missing or not valid.", 401)
READ_ONLY_KEY = ProblemKind("read-only-api-key", "The API key may only read.", 403)
NOT_FOUND = ProblemKind("not-found", "There is nothing at this address.", 404)
UNKNOWN_OUTLET = ProblemKind("unknown-outlet", "The API key sees no outlet with this ProviderOutletID.", 404)
UNKNOWN_REQUEST = ProblemKind("unknown-request", "The API key sees no request with this id.", 404)
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", "This address does not take this method.", 405)
NOT_ACCEPTABLE = ProblemKind(
    "not-acceptable", "The portal does not have this in a format that the caller accepts.", 406
)
LATE = ProblemKind("request-timeout", "The request has not arrived whole.", 408)
OTHER_CONTENT = ProblemKind(
    "request-id-reused", "The request_id was used by another API key, or with another content.", 409
)
DISABLED = ProblemKind("integration-disabled", "Order N Pay is not enabled for this outlet.", 409)
ALREADY_LEFT = ProblemKind("not-cancellable", "The request has left already, or has ended.", 409)
CANCELLED = ProblemKind("request-cancelled", "The request was cancelled before it left.", 409)
UNREADABLE = ProblemKind(
    "content-unreadable", "It was encrypted under a key that the portal does not have any more.", 410
)
TOO_LARGE = ProblemKind("too-large", "The request body is too large.", 413)
TARGET_TOO_LONG = ProblemKind("target-too-long", "The request target is too long.", 414)
INVALID_INPUT = ProblemKind("invalid-input", "The input is not valid.", 422)
QUEUE_FULL = ProblemKind("queue-full", "Too many requests wait for this outlet.", 429)
MANY_BODIES = ProblemKind("too-many-bodies", "Too many requests of this address have not arrived whole.", 429)
MANY_REQUESTS = ProblemKind("too-many-requests", "Too many requests wait on this connection.", 429)
HEAD_TOO_LARGE = ProblemKind("headers-too-large", "The headers are too large, or too many.", 431)
FAULT = ProblemKind("internal", "The portal has a fault.", 500)
UNKNOWN_CODING = ProblemKind("unknown-transfer-coding", "The body is sent in an unknown transfer coding.", 501)
FAILED = ProblemKind("request-failed", "The request has failed.", 502)
POS_OFFLINE = ProblemKind("pos-offline", "The outlet's POS is offline.", 503)
LINK_LOST = ProblemKind(
    "link-lost", "The link was lost before the POS answered; a request that is not durable ends so.", 503
)
DRAINING = ProblemKind("restarting", "The portal is restarting.", 503)
NOT_READY = ProblemKind("not-ready", "This server of the portal cannot check all API keys yet.", 503)
DATABASE_AWAY = ProblemKind("database-away", "The portal's database is away.", 503)
NO_ANSWER = ProblemKind("no-answer-yet", "The POS has not answered yet; the request goes on.", 504)
EXPIRED = ProblemKind("request-expired", "The request expired without an answer.", 504)
OTHER_VERSION = ProblemKind("unknown-http-version", "The version of HTTP is not supported.", 505)


class Problem(Exception):
    """Ends a call with a problem; `more` are members beside the standard ones."""

    def __init__(
        self, kind: ProblemKind, detail: str | None = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.more = more
        self.headers = (headers or {}) | _headers(kind)


def answer(error: Exception) -> PlainResponse:
    """Return the answer to whatever ended a call; a fault of ours is logged."""
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
    """Return the answer to an error of a view that leaves this to DRF: those of the API's description and its page."""
    return answer(error).for_django()


def _problem_of(error: Exception) -> Problem:
    # The types of problems are the API's own, so the services do not know them. A test finds a NotStored without one.
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
        case RequestDataTooBig():
            return Problem(TOO_LARGE)
        case Http404():
            return Problem(NOT_FOUND)
        case NotAcceptable():
            return Problem(NOT_ACCEPTABLE, "Leave out the Accept header and the parameter `format`.")
        case MethodNotAllowed():
            return Problem(METHOD_NOT_ALLOWED)
        case APIException():
            return Problem(INVALID_INPUT, str(error.detail))
        case DatabaseError() | InterfaceError():
            logger.warning("The backend's call met the database away (%s: %s).", type(error).__name__, error)
            return Problem(DATABASE_AWAY)
    logger.error("The backend's call failed by a fault of ours.", exc_info=error)
    return Problem(FAULT)


def _headers(kind: ProblemKind) -> dict[str, str]:
    if kind.status in (429, 503):
        return {"Retry-After": str(RETRY_AFTER)}
    if kind.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="Order N Pay"'}
    return {}
