"""Parses the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07, section 2.1)."""

import re

from integrations.backend.base.problems import invalid
from integrations.models.api_key import MAX_IDEMPOTENCY_KEY
from integrations.wire.plain_http import PlainRequest

HEADER = "Idempotency-Key"
FORMAT = f"must be 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters, either bare or as a quoted string (RFC 9651)"

_BARE = re.compile(r"[\x21\x23-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?").fullmatch
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"').fullmatch


def idempotency_key(request: PlainRequest) -> str | None:
    """Return the key that a call sends, or None. The bare and the quoted form of a key are equal. Raises Problem."""
    given = request.headers(HEADER.lower().encode())
    if not given:
        return None
    if len(given) > 1:
        raise invalid(HEADER, "must be sent once")
    key = _parsed(given[0].strip(" \t"))
    if key is None or len(key) > MAX_IDEMPOTENCY_KEY:
        raise invalid(HEADER, FORMAT)
    return key


def _parsed(text: str) -> str | None:
    if quoted := _QUOTED(text):
        return re.sub(r"\\(.)", r"\1", quoted[1])
    return text if _BARE(text) else None
