"""One id for all that a backend's call leads to: its answer, its log lines, the frame to the POS, the POS's answer.

The caller may give it as X-Request-ID. It is no secret and no RequestID: that one is the POS's, and stays the same when
the same request is sent again by another call.
"""

import re
from contextvars import ContextVar

from integrations.security.redaction import redact
from integrations.text.random_ids import new_uuid
from integrations.wire.asgi_types import Scope, header

HEADER = b"x-request-id"  # X-Request-ID, as ASGI spells it
MAX_LENGTH = 64

_WELL_FORMED = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/+=-]{{0,{MAX_LENGTH - 1}}}").fullmatch
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def begin(scope: Scope) -> str:
    """Give this task, and those that it starts, the caller's id if it is well-formed, else a new one."""
    given = header(scope, HEADER) or ""
    correlation_id = given if _is_acceptable(given) else new_uuid().hex
    _current.set(correlation_id)
    return correlation_id


def current() -> str:
    """Return the id of the call that this task serves, or an empty text."""
    return _current.get()


def _is_acceptable(text: str) -> bool:
    # A key or a token that somebody puts here by mistake must not be written down and sent back.
    return bool(_WELL_FORMED(text)) and redact(text) == text
