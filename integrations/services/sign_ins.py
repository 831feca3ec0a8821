"""What is written down of people who come in, and of those who were refused."""

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record

REFUSAL_SECONDS = 60  # of one name from one address, one refusal is written down in this time
UNKNOWN = "an unknown name"


def signed_in(person: User, *, methods: list[str], address: str) -> None:
    """Write down that a person came in, and by what."""
    actor = Actor(person.get_username(), person, address)
    record(Verb.SIGNED_IN, person, actor=actor, by=", ".join(methods))


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
