"""The sessions of staff: Django's in the database, each of which knows when it ends. SESSION_ENGINE names this module.

A session lasts an hour without a request (SESSION_COOKIE_AGE), and 12 hours since the sign-in. Django alone counts from
the last change of a session. A session is prolonged by its expiry date alone, not by saving it: two requests at once
would otherwise overwrite each other's changes. A page that refreshes itself does not prolong it: an unattended browser
keeps polling.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse

from integrations.models.clock import shared_now, shared_seconds
from integrations.services.people import sign_ins
from integrations.staff.signing_in.records import records_of

LIFETIME = 12 * 3600  # seconds: a long working day; NIST SP 800-63B asks for a new sign-in after 12 to 24 hours
REFRESH = "X-Fragment"  # the header with which a page asks for its live part (static/integrations/live.js)
PROLONGED_EVERY = timedelta(seconds=60)  # so that not each request writes
BEGAN = "signed_in_at"
OVER = "You were signed in for 12 hours. Sign in again to go on."

View = Callable[[HttpRequest], HttpResponse]


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


def begin(session: SessionBase) -> None:
    """Count the session's lifetime from now on."""
    session[BEGAN] = shared_seconds()


def is_refresh(request: HttpRequest) -> bool:
    """Return whether a page refreshes itself, so that the request says nothing about the person."""
    return REFRESH in request.headers


def is_over(session: SessionBase, person: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether somebody has been signed in for too long."""
    oldest = min((each.at for each in records_of(session, person)), default=shared_seconds())
    began = session.get(BEGAN, oldest)
    return bool(shared_seconds() - began > LIFETIME)


def limited(get_response: View) -> View:
    """Sign out whoever has been signed in for too long, and prolong the session of anybody else who is."""

    def handle(request: HttpRequest) -> HttpResponse:
        if SESSION_KEY in request.session:
            if is_over(request.session, request.user):
                logout(request)
                messages.warning(request, OVER)
            elif not is_refresh(request):
                _prolong(request.session)
        return get_response(request)

    return handle


def _prolong(session: SessionBase) -> None:
    """Let a session end an hour from now, unless it was prolonged or saved within the last minute."""
    ends_at = getattr(session, "ends_at", None)
    if ends_at is not None and sign_ins.session_end() - ends_at >= PROLONGED_EVERY:
        sign_ins.prolong_session(session.session_key or "")
