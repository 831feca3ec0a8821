"""What is written down of people who come in, and of those who were refused; and how a person is signed out."""

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

REFUSAL_SECONDS = 60  # of one name from one address, one refusal is written down in this time
# Audit events may be kept for ever, so their number must not depend on how many addresses somebody has.
OF_ONE_NAME = SharedLimit("refusals_of_name", 12, 3600)
OF_ALL = SharedLimit("refusals_of_all", 60, 3600)
UNKNOWN = "an unknown name"


def signed_in(person: User, *, methods: list[str], address: str) -> None:
    """Write down that a person came in, and by what."""
    actor = Actor(person.get_username(), person, address)
    record(Verb.SIGNED_IN, person, actor=actor, by=", ".join(methods))


def sessions_of(person: User, *, saved_since: datetime | None = None) -> list[str]:
    """Return the keys of a person's sessions, also of those that still wait for the second factor.

    Reads all that have not expired, about 0.1 ms each, since their rows do not say whose they are.
    """
    until = saved_since + timedelta(seconds=settings.SESSION_COOKIE_AGE) if saved_since else shared_now()
    running = Session.objects.filter(expire_date__gte=until)
    return [row.pk for row in running.iterator() if _belongs_to(person, row.get_decoded())]


def session_end() -> datetime:
    """Return when a session ends that nobody uses from now on."""
    return shared_now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)


def prolong_session(key: str) -> None:
    """Let a session that has not ended last as long from now on as a new one.

    A page must not wait for a locked database only for this: the next page tries again.
    """
    with unless_locked():
        Session.objects.filter(pk=key, expire_date__gt=shared_now()).update(expire_date=session_end())


def end_sessions(keys: Collection[str]) -> int:
    """Sign out whoever is in these sessions, and return how many there were."""
    return Session.objects.filter(pk__in=keys).delete()[0]


@transaction.atomic
def refused(name: str, *, reason: str, address: str) -> None:
    """Write down a refused sign-in: one of a name and address a minute, and so many of a name and in all an hour.

    A name that nobody has is not kept: it may be a password that was typed into the wrong field.
    """
    person = get_user_by_username(name) if name else None
    subject = person or User(username=UNKNOWN)
    if not _is_to_be_kept(str(subject.pk or "unknown"), network_of(address)):
        return
    actor = Actor(subject.get_username(), address=address)  # no user: nobody has proved to be this person
    record(Verb.SIGN_IN_REFUSED, subject, actor=actor, reason=reason)


def _is_to_be_kept(who: str, network: str) -> bool:
    if OF_ALL.wait() or OF_ONE_NAME.wait(who):  # read first: an address that is new each time must leave no row either
        return False
    if not cache.add(f"sign-in-refused:{who}:{network}", 1, REFUSAL_SECONDS):
        return False
    return bool(OF_ONE_NAME.take(who) and OF_ALL.take())


def _belongs_to(person: User, kept: dict[str, Any]) -> bool:
    request = HttpRequest()
    request.session = kept  # type: ignore[assignment]
    return kept.get(SESSION_KEY) == str(person.pk) or bool(get_authentication_records(request, person))
