"""The rule for a reason that staff give for an action. It is the same for integrations, API keys and webhooks."""

from integrations.models.outlet import is_plain
from integrations.services.errors import InvalidValue

MAX_REASON_LENGTH = 200  # characters, as in the columns that store a reason


def plain_reason(reason: str) -> str:
    """Return an optional reason without surrounding whitespace. Raises InvalidValue."""
    reason = reason.strip()
    if reason and (len(reason) > MAX_REASON_LENGTH or not is_plain(reason)):
        raise InvalidValue("reason", f"Give the reason in one line of up to {MAX_REASON_LENGTH} characters.")
    return reason


def required_reason(reason: str) -> str:
    """Return a reason without surrounding whitespace. Raises InvalidValue, also for an empty reason."""
    if reason := plain_reason(reason):
        return reason
    raise InvalidValue("reason", "Give a reason: it is what your colleagues will see.")
