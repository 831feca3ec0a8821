"""Checks the correlation id that a caller sends, because it will appear in logs, frames and answers."""

import re

from integrations.security.redaction import redact

MAX_LENGTH = 64
_WELL_FORMED = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/+=-]{{0,{MAX_LENGTH - 1}}}").fullmatch


def is_acceptable(text: str) -> bool:
    """Return whether a text is well-formed and is not a key or token that the caller sent here by mistake."""
    return bool(_WELL_FORMED(text)) and redact(text) == text
