"""Turns refusals into HTTP for the POS: the one place where they get a status."""

import json
import math
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpResponse
from rest_framework.exceptions import APIException

from integrations import metrics
from integrations.models.attempt import Outcome
from integrations.pos.door import Away, Draining, TooManyFailures
from integrations.pos.wire import Malformed, failure
from integrations.services.authentication import Busy, IntegrationDisabled, Refused

RETRY_AFTER = 5  # seconds, while the portal itself is the trouble

# With POS_REFUSALS_AS_200 these are sent as 200, for a POS that reads the ErrorMessage of a 200 only.
REFUSALS = frozenset({400, 401, 403, 429})

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(error: Exception) -> HttpResponse | None:
    """Return the answer to a refusal, or None for an error that is a fault of ours."""
    if isinstance(error, Malformed):
        metrics.authentications[Outcome.MALFORMED].inc()
        return _failure(400, str(error))
    if isinstance(error, Refused):
        metrics.authentications[error.outcome].inc()
        return _failure(status_of(error), str(error), _headers(error))
    if isinstance(error, APIException):
        return _failure(error.status_code, str(error.detail), {"Allow": "POST"} if error.status_code == 405 else {})
    return None


def status_of(refusal: Refused) -> int:
    """Return the HTTP status of a refusal."""
    match refusal:
        case TooManyFailures():
            return 429
        case Away() | Draining() | Busy():
            return 503
        case IntegrationDisabled():
            return 403
        case _:
            return 401


def _headers(refusal: Refused) -> dict[str, str]:
    match refusal:
        case TooManyFailures():
            return {"Retry-After": str(math.ceil(refusal.wait))}
        case Away() | Draining() | Busy():
            return {"Retry-After": str(RETRY_AFTER)}
        case _:
            return {}


def json_answer(
    content: Mapping[str, str], status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return an answer that nobody may keep."""
    return HttpResponse(
        _write(content).encode(),
        content_type="application/json",
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _failure(status: int, message: str, headers: dict[str, str] | None = None) -> HttpResponse:
    if settings.POS_REFUSALS_AS_200 and status in REFUSALS:
        status = 200
    return json_answer(failure(message), status, headers)
