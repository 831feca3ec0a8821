"""What is written down of people who come in, and of those who were refused; and how a person is signed out."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record

REFUSAL_SECONDS = 60  # of one name from one address, one refusal is written down in this time
UNKNOWN = "an unknown name"


def signed_in(person: User, *, methods: list[str], address: str) -> None:
    """Write down that a person came in, and by what."""
    actor = Actor(person.get_username(), person, address)
    record(Verb.SIGNED_IN, person, actor=actor, by=", ".join(methods))


def sessions_of(person: User, *, saved_since: datetime | None = None) -> list[str]:
    """Return the keys of a person's sessions, also of those that still wait for the second factor.

    Reads all that have not expired, about 0.1 ms each, since their rows do not say whose they are.
    """
    until = saved_since + timedelta(seconds=settings.SESSION_COOKIE_AGE) if saved_since else timezone.now()
    running = Session.objects.filter(expire_date__gte=until)
    return [row.pk for row in running.iterator() if _belongs_to(person, row.get_decoded())]


def end_sessions(keys: Collection[str]) -> int:
    """Sign out whoever is in these sessions, and return how many there were."""
    return Session.objects.filter(pk__in=keys).delete()[0]


@transaction.atomic
def refused(name: str, *, reason: str, address: str) -> None:
    """Write down a refused sign-in, at most one of a name and address a minute.

    A name that nobody has is not kept: it may be a password that was typed into the wrong field.
    """
    person = User.objects.filter(username=name).first()
    subject = person or User(username=UNKNOWN)
    if not cache.add(f"sign-in-refused:{subject.pk or 'unknown'}:{address}", 1, REFUSAL_SECONDS):
        return
    actor = Actor(subject.get_username(), address=address)  # no user: nobody has proved to be this person
    record(Verb.SIGN_IN_REFUSED, subject, actor=actor, reason=reason)


def _belongs_to(person: User, kept: dict[str, Any]) -> bool:
    request = HttpRequest()
    request.session = kept  # type: ignore[assignment]
    return kept.get(SESSION_KEY) == str(person.pk) or bool(get_authentication_records(request, person))
