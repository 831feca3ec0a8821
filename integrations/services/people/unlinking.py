"""Linked identities are taken away from a person; and what would become of each when it comes again."""

from collections.abc import Sequence
from enum import Enum

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.services.audit import Actor, record
from integrations.services.people import sign_ins
from integrations.services.people.claims import claims_of
from integrations.services.people.errors import NotLinked
from integrations.services.people.identities import find_person, identities_of, in_words, is_to_be_made


class Prospect(Enum):
    """What the next sign-in by an unlinked identity comes to, by what the provider said of it last."""

    NO_PROVIDER = "No OpenID Connect provider is set up now: nobody comes in by it."
    STAYS_OUT = "Its verified address is {person}'s, who is switched off: for as long, nobody comes in by it."
    COMES_BACK = (
        "This alone keeps nobody out: its verified address is {person}'s, so its next sign-in links it to {person} "
        "again, without a question. Switch {person} off to keep it out."
    )
    ANOTHER = "Its verified address is somebody else's here: its next sign-in links it to them."
    NEW_PERSON = "Its verified address is nobody's here: its next sign-in makes a new person (OIDC_CREATE_PEOPLE)."
    REFUSED = "Nobody comes in by it any more, unless somebody who is signed in links it to themselves."

    def words(self, person: User) -> str:
        return self.value.format(person=person.get_username())


def unlink(person: User, found: Sequence[SocialAccount], *, actor: Actor) -> None:
    """Let these identities sign their person in no longer, and end all sessions of the person. Raises NotLinked.

    That does not keep them out: see prospect_of. The sessions are found before the transaction, so that many of them
    hold nobody up who writes; those of the meantime are found in it.
    """
    began = shared_now()
    running = sign_ins.sessions_of(person)
    with transaction.atomic():
        _take_away(person, found)
        ended = sign_ins.end_sessions([*running, *sign_ins.sessions_of(person, saved_since=began)])
        for identity in found:
            words = in_words(identity)
            record(Verb.IDENTITY_UNLINKED, person, actor=actor, by=settings.OIDC_NAME, identity=words, sessions=ended)


def prospect_of(identity: SocialAccount) -> Prospect:
    """Return what would become of an identity that is unlinked, now or a moment ago."""
    if not settings.OIDC_SERVER_URL:
        return Prospect.NO_PROVIDER
    claims = claims_of(identity)
    found = find_person(claims)
    if found is None:
        return Prospect.NEW_PERSON if is_to_be_made(claims) else Prospect.REFUSED
    if found != identity.user:
        return Prospect.ANOTHER
    return Prospect.COMES_BACK if found.is_active else Prospect.STAYS_OUT


def is_only_way_in(identity: SocialAccount) -> bool:
    """Return whether its person has neither a password here nor another identity."""
    person = identity.user
    return not (person.has_usable_password() or identities_of(person).exclude(pk=identity.pk).exists())


def _take_away(person: User, found: Sequence[SocialAccount]) -> None:
    if not found:
        raise NotLinked
    for identity in found:
        if not identities_of(person).filter(pk=identity.pk).delete()[0]:
            raise NotLinked
