"""Django's sessions in the database, without asking it for keys that no session has."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS


class SessionStore(db.SessionStore):
    """A cookie may hold anything, for instance a NUL, which PostgreSQL takes for an error of the caller."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(super()._validate_session_key(key)) and set(key or "") <= set(VALID_KEY_CHARS)  # type: ignore[misc]
