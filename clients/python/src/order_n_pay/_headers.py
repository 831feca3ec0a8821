"""Builds the address and header fields of calls. Each function raises ValueError for a value that cannot be sent."""

import re

_PRINTABLE = re.compile("[\x20-\x7e]+").fullmatch


def address_of(url: str) -> str:
    """Return the base URL of the API, given the URL of the portal."""
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError(f"the URL of the portal begins with http:// or https://, not {url!r}")
    return f"{url.rstrip('/')}/api/v1/"


def authorisation_of(api_key: str) -> str:
    key = api_key.strip()
    if not _PRINTABLE(key):
        raise ValueError("this is not an API key")
    return f"Bearer {key}"


def quoted(idempotency_key: str) -> str:
    """Return an idempotency key as a quoted string (RFC 9651)."""
    if not _PRINTABLE(idempotency_key):
        raise ValueError("an idempotency key consists of printable ASCII characters")
    return '"' + re.sub(r'(["\\])', r"\\\1", idempotency_key) + '"'
