"""Maps refusals to HTTP answers for the POS. Each refusal defines its own status."""

import json
import math
from collections.abc import Mapping

from django.conf import settings
from rest_framework.exceptions import APIException

from integrations.models.attempt import Outcome
from integrations.pos import messages
from integrations.pos.messages import Malformed
from integrations.services import metrics
from integrations.services.connections.errors import Refused
from integrations.wire.plain_http import PlainResponse

# The statuses that POS_REFUSALS_AS_200 does not change to 200. The setting is for a POS that reads the ErrorMessage
# only if the status is 200. The portal's own errors keep their status, because proxies and monitoring need it, and
# because the POS should retry.
TROUBLE = frozenset({500, 503})

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(error: Exception) -> PlainResponse | None:
    """Return the answer to a refusal, or None for an unexpected error."""
    if isinstance(error, Malformed):
        metrics.authentications[Outcome.MALFORMED].inc()
        return refusal(str(error), 400)
    if isinstance(error, Refused):
        metrics.authentications[error.outcome].inc()
        return refusal(str(error), error.status, retry_headers(error))
    if isinstance(error, APIException):
        return refusal(str(error.detail), error.status_code, {"allow": "POST"} if error.status_code == 405 else {})
    return None


def retry_headers(refusal: Refused) -> dict[str, str]:
    """Return the Retry-After header of a refusal, if it has one."""
    return {} if refusal.retry_after is None else {"retry-after": str(math.ceil(refusal.retry_after))}


def json_answer(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> PlainResponse:
    """Return a JSON answer that must not be cached. Header names must be lower-case."""
    more = [(name.encode(), value.encode()) for name, value in headers.items()] if headers else ()
    return PlainResponse(status, [*_HEADERS, *more], content)


def refusal(message: str, status: int, headers: Mapping[str, str] | None = None) -> PlainResponse:
    """Return an answer with an ErrorMessage; POS_REFUSALS_AS_200 may change the status."""
    if settings.POS_REFUSALS_AS_200 and status not in TROUBLE:
        status = 200
    return json_answer(_write(messages.failure(message)).encode(), status, headers)
