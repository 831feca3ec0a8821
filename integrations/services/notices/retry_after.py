"""Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST = 10.0**9  # seconds; whoever obeys has a limit far below


def seconds_of(text: str, now: datetime) -> float:
    """Return for how many seconds from `now` the sender wants no other try; 0 for a text that does not say."""
    text = text.strip()
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text), MOST) if len(text) < 20 else MOST
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
    zoned = until if until.tzinfo else until.replace(tzinfo=UTC)  # HTTP's dates are in GMT
    return min(max(0.0, (zoned - now).total_seconds()), MOST)
