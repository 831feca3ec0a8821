"""Gives each API call an id, which is in the answer and in the log lines about the call and its request to a POS.

The caller may send the id as X-Request-ID. It is not a secret, and it is not the RequestID. The RequestID is for the
POS, and stays the same when another call sends the same request again.

A caller that traces its calls also sends `traceparent` (https://www.w3.org/TR/trace-context/). The portal writes the
`traceparent` into the same log lines, and into the webhook that reports the end of the request.
"""

import re
from contextvars import ContextVar

from integrations.security.correlation_ids import is_acceptable
from integrations.text.random_ids import new_uuid
from integrations.wire.asgi_types import Scope, header

HEADER = b"x-request-id"  # X-Request-ID in ASGI's lower case
# A traceparent has a version, a trace id, a parent id and flags. The version `ff` is invalid, and so are ids that
# contain only zeros. Later versions may add fields.
_TRACED = re.compile(
    "(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
).fullmatch
_current: ContextVar[str] = ContextVar("correlation_id", default="")
_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def begin(scope: Scope) -> str:
    """Set and return the id for this task and the tasks that it starts: the caller's if well-formed, else a new one."""
    given = header(scope, HEADER) or ""
    correlation_id = given if is_acceptable(given) else new_uuid().hex
    _current.set(correlation_id)
    _traceparent.set(_traceparent_in(scope))
    return correlation_id


def current() -> str:
    """Return the id of the call that this task serves, or an empty string."""
    return _current.get()


def traceparent() -> str:
    """Return the caller's `traceparent`, rewritten as version 00, or "" if the caller sent no valid one."""
    return _traceparent.get()


def _traceparent_in(scope: Scope) -> str:
    """Return the call's traceparent, rewritten as version 00, or "" if it is missing, repeated or invalid.

    The standard requires that a receiver ignores an invalid traceparent.
    """
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    traced = _TRACED(given[0].decode("latin-1")) if len(given) == 1 else None
    return f"00{traced[1]}" if traced else ""
