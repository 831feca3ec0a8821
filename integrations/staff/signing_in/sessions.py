"""Django's sessions in the database, each of which knows when it ends: settings.SESSION_ENGINE names this module."""

from datetime import datetime

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session


class SessionStore(DatabaseSessionStore):
    """`ends_at` is what the row said when it was read; None for a session that is new.

    A cookie may hold anything, for instance a NUL, which PostgreSQL rejects: only possible keys are looked up.
    """

    ends_at: datetime | None = None

    def _get_session_from_db(self) -> Session | None:
        found: Session | None = super()._get_session_from_db()  # type: ignore[misc]
        self.ends_at = found.expire_date if found else None
        return found

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(super()._validate_session_key(key)) and set(key or "") <= set(VALID_KEY_CHARS)  # type: ignore[misc]
