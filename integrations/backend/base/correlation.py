"""Gives each API call one id, used in its answer, its log lines, the frame to the POS and the POS's answer.

The caller may send the id as X-Request-ID. It is not a secret, and it is not the RequestID. The RequestID is for the
POS, and stays the same when another call sends the same request again.
"""

import re
from contextvars import ContextVar

from integrations.security.redaction import redact
from integrations.text.random_ids import new_uuid
from integrations.wire.asgi_types import Scope, header

HEADER = b"x-request-id"  # X-Request-ID in ASGI's lower case
MAX_LENGTH = 64

_WELL_FORMED = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/+=-]{{0,{MAX_LENGTH - 1}}}").fullmatch
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def begin(scope: Scope) -> str:
    """Set and return the id for this task and the tasks that it starts: the caller's if well-formed, else a new one."""
    given = header(scope, HEADER) or ""
    correlation_id = given if _is_acceptable(given) else new_uuid().hex
    _current.set(correlation_id)
    return correlation_id


def current() -> str:
    """Return the id of the call that this task serves, or an empty string."""
    return _current.get()


def _is_acceptable(text: str) -> bool:
    # A key or token that a caller puts here by mistake must not be logged or sent back.
    return bool(_WELL_FORMED(text)) and redact(text) == text
