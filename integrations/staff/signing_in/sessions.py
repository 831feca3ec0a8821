"""Django's sessions in the database, each of which knows when it ends: settings.SESSION_ENGINE names this module."""

from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session

from integrations.models.clock import shared_now


class SessionStore(DatabaseSessionStore):
    """`ends_at` is what the row said when it was read; None for a session that is new.

    It ends by the shared clock: several hosts read it.

    A cookie may hold anything, for instance a NUL, which PostgreSQL rejects: only possible keys are looked up.
    """

    ends_at: datetime | None = None

    def _get_session_from_db(self) -> Session | None:
        found = Session.objects.filter(session_key=self.session_key, expire_date__gt=shared_now()).first()
        if found is None:
            self._session_key = None
        self.ends_at = found.expire_date if found else None
        return found

    def get_expiry_date(self, **given: Any) -> datetime:
        end: datetime = super().get_expiry_date(**{"modification": shared_now(), **given})
        return end

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(super()._validate_session_key(key)) and set(key or "") <= set(VALID_KEY_CHARS)  # type: ignore[misc]
