"""Unlink identities from a person, and predict what the next sign-in of each identity would do."""

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
from integrations.services.people.identities import find_person, identities_of, in_words, may_be_created


class Prospect(Enum):
    """The result of the next sign-in with an unlinked identity, according to the provider's last claims about it."""

    NO_PROVIDER = "No OpenID Connect provider is set up, so the identity cannot sign in."
    STAYS_OUT = "Its verified address belongs to {person}. That account is not active, so the identity cannot sign in."
    COMES_BACK = (
        "Unlinking alone does not keep this identity out. Its verified address belongs to {person}, so its next "
        "sign-in links it to {person} again without confirmation. To keep it out, deactivate {person}."
    )
    ANOTHER = "Its verified address belongs to another person here. Its next sign-in links it to that person."
    NEW_PERSON = "No person here has its verified address. Its next sign-in creates a new person (OIDC_CREATE_PEOPLE)."
    REFUSED = "The identity can no longer sign in, unless a person who is signed in links it to themselves."

    def words(self, person: User) -> str:
        return self.value.format(person=person.get_username())


def unlink(person: User, found: Sequence[SocialAccount], *, actor: Actor) -> None:
    """Unlink these identities from their person, and end all the person's sessions. Raises NotLinked.

    The identities may be able to sign in again (see prospect_of). Existing sessions are searched before the
    transaction, because a long search must not block other writers. The transaction finds sessions saved since then.
    """
    began = shared_now()
    running = sign_ins.sessions_of(person)
    with transaction.atomic():
        _delete_links(person, found)
        ended = sign_ins.end_sessions([*running, *sign_ins.sessions_of(person, saved_since=began)])
        for identity in found:
            words = in_words(identity)
            record(Verb.IDENTITY_UNLINKED, person, actor=actor, by=settings.OIDC_NAME, identity=words, sessions=ended)


def prospect_of(identity: SocialAccount) -> Prospect:
    """Return what the next sign-in with this identity will do once the identity is no longer linked."""
    if not settings.OIDC_SERVER_URL:
        return Prospect.NO_PROVIDER
    claims = claims_of(identity)
    found = find_person(claims)
    if found is None:
        return Prospect.NEW_PERSON if may_be_created(claims) else Prospect.REFUSED
    if found != identity.user:
        return Prospect.ANOTHER
    return Prospect.COMES_BACK if found.is_active else Prospect.STAYS_OUT


def is_only_way_in(identity: SocialAccount) -> bool:
    """Return whether the identity's person has neither a password nor another identity."""
    person = identity.user
    return not (person.has_usable_password() or identities_of(person).exclude(pk=identity.pk).exists())


def _delete_links(person: User, found: Sequence[SocialAccount]) -> None:
    if not found:
        raise NotLinked
    for identity in found:
        if not identities_of(person).filter(pk=identity.pk).delete()[0]:
            raise NotLinked
