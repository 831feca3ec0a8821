"""Sessions of staff: Django's database sessions with the portal's time limits. SESSION_ENGINE names this module.

A session ends after SESSION_IDLE_MINUTES without a request, or SESSION_HOURS after the sign-in. Django itself would
count the idle minutes from the last change of the session. To prolong a session, only its expiry date is written,
because saving the whole session would let concurrent requests overwrite each other's changes. A page's automatic
refresh does not prolong the session, because an unattended browser keeps polling.

allauth's `usersessions` has a table with the address and browser of each session. allauth's middleware would write to
this table at each request. Here, a request writes the address and browser only if they have changed, and at most once
a minute. A request that prolongs the session does not write them, so each request makes at most one of the two
writes. The time of a session's last use is computed from its expiry date.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from integrations.models.clock import shared_now, shared_seconds
from integrations.services.people import sign_ins
from integrations.services.rows.brief_waits import unless_locked
from integrations.services.rows.plain_rows import insert_rows
from integrations.staff.signing_in.records import records_of

REFRESH = "X-Fragment"  # the header that a page sends when it refreshes its live part (static/integrations/live.js)
WRITTEN_EVERY = timedelta(seconds=60)  # requests write a session's rows at most this often, to limit the load
BEGAN = "signed_in_at"
OVER = "You were signed in for {hours} hour{plural}. Sign in again to continue."

View = Callable[[HttpRequest], HttpResponse]

# Plain SQL, because every page runs this query. The ORM takes eight times as long, because it compiles the query.
_SESSION = """
SELECT django_session.*, client.ip AS ip, client.user_agent AS agent, client.last_seen_at > %s AS is_new
FROM django_session LEFT JOIN usersessions_usersession AS client ON client.session_key = django_session.session_key
WHERE django_session.session_key = %s AND django_session.expire_date > %s
"""


@dataclass(frozen=True)
class SessionClient:
    """The address and browser of a session. If `is_new`, they were written within the last minute."""

    ip: str
    agent: str
    is_new: bool = False


class SessionStore(DatabaseSessionStore):
    """A database session. `ends_at` is its expiry date when the row was read; None for a new session.

    `client` is the address and browser from allauth's table, read together with the row; None if that table lacks the
    session.

    The expiry date is compared with the shared clock, because several hosts read the session.

    Only well-formed keys are looked up, because a cookie can hold anything, for example a NUL, which PostgreSQL
    rejects.
    """

    ends_at: datetime | None = None
    client: SessionClient | None = None

    def _get_session_from_db(self) -> Session | None:
        now = shared_now()
        rows = Session.objects.raw(_SESSION, [now - WRITTEN_EVERY, self.session_key, now])
        found: Session | None = next(iter(rows), None)
        if found is None:
            self._session_key = None
            self.ends_at = None
            return None
        row = vars(found)
        self.ends_at = found.expire_date
        self.client = None if row["agent"] is None else SessionClient(row["ip"], row["agent"], bool(row["is_new"]))
        return found

    def get_expiry_date(self, **given: Any) -> datetime:
        end: datetime = super().get_expiry_date(**{"modification": shared_now(), **given})
        return end

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(super()._validate_session_key(key)) and set(key or "") <= set(VALID_KEY_CHARS)  # type: ignore[misc]


def begin(session: SessionBase) -> None:
    """Start the session's lifetime now."""
    session[BEGAN] = shared_seconds()


def is_refresh(request: HttpRequest) -> bool:
    """Return whether the request is an automatic refresh, which does not show that the person is present."""
    return REFRESH in request.headers


def is_over(session: SessionBase, person: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the person has been signed in for longer than SESSION_HOURS."""
    oldest = min((each.at for each in records_of(session, person)), default=shared_seconds())
    began = session.get(BEGAN, oldest)
    return bool(shared_seconds() - began > settings.SESSION_HOURS * 3600)


def limited(get_response: View) -> View:
    """Return middleware that signs a person out after SESSION_HOURS.

    Before that time, a request either prolongs its session, or stores its address and browser if they have changed.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        if SESSION_KEY in request.session:
            if is_over(request.session, request.user):
                logout(request)
                messages.warning(request, _over())
            elif is_refresh(request) or not _is_due(request):
                _track_change(request)
            else:
                _prolong(request)
        return get_response(request)

    return handle


def _over() -> str:
    hours = settings.SESSION_HOURS
    return OVER.format(hours=hours, plural="" if hours == 1 else "s")


def track(request: HttpRequest) -> None:
    """Store this request's address and browser in allauth's table."""
    session, client = request.session, _client_of(request)
    if not request.user.is_authenticated or not session.session_key:
        return
    row = {"session_key": session.session_key, "user_id": request.user.pk, "ip": client.ip, "user_agent": client.agent}
    row |= {"created_at": shared_now(), "last_seen_at": shared_now(), "data": {}}
    kept = ("session_key", "created_at", "data")
    with unless_locked():
        insert_rows(
            UserSession,
            list(row),
            [list(row.values())],
            key="session_key",
            update=[each for each in row if each not in kept],
        )


def _track_change(request: HttpRequest) -> None:
    """Store this request's address and browser if they differ from those of the session's row."""
    known, client = getattr(request.session, "client", None), _client_of(request)
    if known is not None and not known.is_new and (known.ip, known.agent) != (client.ip, client.agent):
        track(request)


def _client_of(request: HttpRequest) -> SessionClient:
    """Return the address and the browser of this request, as allauth's table stores them."""
    agent = request.META.get("HTTP_USER_AGENT", "")[: UserSession._meta.get_field("user_agent").max_length]
    return SessionClient(get_adapter().get_client_ip(request), agent)


def own_sessions(person: User) -> list[UserSession]:
    """Return the sessions in which this person is signed in, oldest first, each with the time of its last use."""
    rows = {row.session_key: row for row in UserSession.objects.filter(user=person).order_by("created_at")}
    found = Session.objects.filter(pk__in=rows, expire_date__gt=shared_now())
    used = {each.pk: each.expire_date for each in found if _is_of(person, each.get_decoded())}
    for key, end in used.items():
        rows[key].last_seen_at = end - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return [row for key, row in rows.items() if key in used]


def _is_of(person: User, kept: dict[str, Any]) -> bool:
    """Return whether a session is still valid for this person. A new password ends the person's other sessions."""
    hashes = (person.get_session_auth_hash(), *person.get_session_auth_fallback_hash())
    return any(constant_time_compare(kept.get(HASH_SESSION_KEY, ""), each) for each in hashes)


def _is_due(request: HttpRequest) -> bool:
    """Return whether it is time to prolong the session, because its expiry date was set at least a minute ago."""
    ends_at = getattr(request.session, "ends_at", None)
    return ends_at is not None and sign_ins.session_end() - ends_at >= WRITTEN_EVERY


def _prolong(request: HttpRequest) -> None:
    """Prolong the session to the full idle time from now. If allauth's table lacks the session, only add it there."""
    if getattr(request.session, "client", None) is None:
        track(request)  # a session that an older version of the portal opened; the next page prolongs it
    else:
        sign_ins.prolong_session(request.session.session_key or "")
