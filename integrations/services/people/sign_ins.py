"""Record sign-ins and refused sign-ins, and end sessions."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.userkit import get_user_by_username
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.services.audit import Actor, record
from integrations.services.rows.brief_waits import unless_locked
from integrations.services.rows.shared_limits import SharedLimit
from integrations.text.client_address import network_of

REFUSAL_SECONDS = 60  # record at most one refusal per name and address in this time
# Audit events may be kept for ever, so an attacker with many addresses must not be able to create many of them.
OF_ONE_NAME = SharedLimit("refusals_of_name", 12, 3600)
OF_ALL = SharedLimit("refusals_of_all", 60, 3600)
UNKNOWN = "an unknown name"


def signed_in(person: User, *, methods: list[str], address: str) -> None:
    """Record that a person signed in, with the methods used."""
    actor = Actor(person.get_username(), person, address)
    record(Verb.SIGNED_IN, person, actor=actor, by=", ".join(methods))


def sessions_of(person: User, *, saved_since: datetime | None = None) -> list[str]:
    """Return the keys of a person's sessions, including those that still wait for the second factor.

    It reads all sessions that have not expired, about 0.1 ms each, because their rows do not name the person.
    """
    until = saved_since + timedelta(seconds=settings.SESSION_COOKIE_AGE) if saved_since else shared_now()
    running = Session.objects.filter(expire_date__gte=until)
    return [row.pk for row in running.iterator() if _belongs_to(person, row.get_decoded())]


def session_end() -> datetime:
    """Return when a session ends if it is not used from now on."""
    return shared_now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)


def prolong_session(key: str) -> None:
    """If a session has not ended, extend it to the full duration from now.

    The write is skipped if the database is locked, so the page does not wait; the next page tries again.
    """
    with unless_locked():
        Session.objects.filter(pk=key, expire_date__gt=shared_now()).update(expire_date=session_end())


def end_sessions(keys: Collection[str]) -> int:
    """Delete these sessions. The people who used them are then signed out. Return how many sessions existed."""
    return Session.objects.filter(pk__in=keys).delete()[0]


def end_other_sessions(person: User, *, keep: str, actor: Actor) -> int:
    """End all sessions of a person except the one with the key `keep`, and record it. Return how many were ended.

    The search reads all sessions, so it runs before the transaction, which must not block other writers for long.
    """
    keys = [key for key in sessions_of(person) if key != keep]
    with transaction.atomic():
        ended = end_sessions(keys)
        record(Verb.SESSIONS_ENDED, person, actor=actor, sessions=ended)
    return ended


@transaction.atomic
def end_session(person: User, key: str, *, actor: Actor) -> int:
    """End one session of a person, and record it. Return how many were ended.

    The caller has checked that the session belongs to the person.
    """
    ended = end_sessions([key])
    if ended:
        record(Verb.SESSIONS_ENDED, person, actor=actor, sessions=ended)
    return ended


@transaction.atomic
def refused(name: str, *, reason: str, address: str) -> None:
    """Record a refused sign-in, at most once a minute for each name and address.

    Hourly limits apply to each name, and to all names together. An unknown name is not stored, because it may be a
    password that was typed into the wrong field.
    """
    person = get_user_by_username(name) if name else None
    subject = person or User(username=UNKNOWN)
    if not _is_to_be_kept(str(subject.pk or "unknown"), network_of(address)):
        return
    # The actor has no user, because another person may have typed the name.
    actor = Actor(subject.get_username(), address=address)
    record(Verb.SIGN_IN_REFUSED, subject, actor=actor, reason=reason)


def _is_to_be_kept(who: str, network: str) -> bool:
    # Check these limits before cache.add(), so an attacker with many addresses cannot fill the cache with rows.
    if OF_ALL.wait() or OF_ONE_NAME.wait(who):
        return False
    if not cache.add(f"sign-in-refused:{who}:{network}", 1, REFUSAL_SECONDS):
        return False
    return bool(OF_ONE_NAME.take(who) and OF_ALL.take())


def _belongs_to(person: User, kept: dict[str, Any]) -> bool:
    request = HttpRequest()
    request.session = kept  # type: ignore[assignment]
    return kept.get(SESSION_KEY) == str(person.pk) or bool(get_authentication_records(request, person))
