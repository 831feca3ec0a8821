"""Match the identities of an OpenID Connect provider to people, and give people the groups that the provider names."""

import re
from collections.abc import Collection

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.people.claims import Claims, claims_of
from integrations.services.people.errors import IdentityTaken
from integrations.services.people.groups import PORTAL_GROUPS
from integrations.text.characters import printable

PROVIDER = Actor("OpenID Connect")
_UNFIT_FOR_A_NAME = re.compile(r"[^\w.@+-]")


def find_person(claims: Claims) -> User | None:
    """Return the only member of staff with this verified address, or None (also if several have it)."""
    found = [person for person in _having(claims.email) if person.is_staff]
    return found[0] if len(found) == 1 else None


def may_be_created(claims: Claims) -> bool:
    """Return whether to create a person: OIDC_CREATE_PEOPLE is set, and no person, active or not, has the address."""
    if not (settings.OIDC_CREATE_PEOPLE and claims.email):
        return False
    return not _having(claims.email)


@transaction.atomic
def create_person(claims: Claims, *, actor: Actor) -> User:
    """Create a person from the provider's claims, without a password or permissions. Permissions come from groups."""
    person = User(
        username=_free_name(claims.user_name or claims.email),
        email=claims.email,
        first_name=claims.first_name[:150],
        last_name=claims.last_name[:150],
        is_staff=True,
    )
    person.set_unusable_password()
    person.save()
    record(Verb.PERSON_ADDED, person, actor=actor, by="OpenID Connect", groups="none")
    return person


@transaction.atomic
def link(login: SocialLogin, person: User, *, request: HttpRequest, actor: Actor) -> None:
    """Link this identity to this person and allow signing in with it. Raises IdentityTaken."""
    account = login.account
    known = SocialAccount.objects.filter(provider=account.provider, uid=account.uid).first()
    if known is not None and known.user_id != person.pk:
        raise IdentityTaken
    if known is None:
        login.connect(request, person)
        record(Verb.IDENTITY_LINKED, person, actor=actor, by=settings.OIDC_NAME)


@transaction.atomic
def follow_groups(person: User, named: Collection[str], *, actor: Actor) -> None:
    """Set a person's portal groups to those that the provider names.

    Memberships in groups that are not the portal's do not change. Nothing changes for a superuser.
    """
    if person.is_superuser:
        return
    wanted = {ours for name in named if (ours := _ours(name))}
    held = set(person.groups.filter(name__in=PORTAL_GROUPS).values_list("name", flat=True))
    if wanted == held:
        return
    person.groups.remove(*Group.objects.filter(name__in=held - wanted))
    person.groups.add(*Group.objects.filter(name__in=wanted - held))
    record(Verb.PERSON_CHANGED, person, actor=actor, by="OpenID Connect", groups=", ".join(sorted(wanted)) or "none")


def identities_of(person: User) -> "QuerySet[SocialAccount]":
    """Return the identities linked to this person, the oldest link first."""
    found: QuerySet[SocialAccount] = SocialAccount.objects.filter(user=person).order_by("date_joined", "pk")
    return found


def name_of(identity: SocialAccount) -> str:
    """Return a readable name of an identity: its verified address, its name at the provider, or its `sub`."""
    claims = claims_of(identity)
    return claims.email or claims.user_name or printable(identity.uid, 191)


def in_words(identity: SocialAccount) -> str:
    """Return the readable name with the `sub`, which the provider assigns and the person cannot choose."""
    return f"{name_of(identity)} (subject {printable(identity.uid, 191)})"


def _having(address: str) -> list[User]:
    """Return the people with this e-mail address in any letter case.

    The database may treat different letters as equal: i and \u0131 (dotless i), whose capital is I, or k and \u212a
    (Kelvin sign), whose small letter is k. Comparing both the small and the capital letters here
    excludes such addresses.
    """
    found = User.objects.filter(email__iexact=address) if address else []
    forms = address.lower(), address.upper()
    return [person for person in found if (person.email.lower(), person.email.upper()) == forms]


def _ours(name: str) -> str | None:
    if settings.OIDC_GROUPS:
        found: str | None = settings.OIDC_GROUPS.get(name)
        return found
    return name if name in PORTAL_GROUPS else None


def _free_name(wanted: str) -> str:
    base = _UNFIT_FOR_A_NAME.sub("-", wanted)[:140]
    names = User.objects.filter(username__istartswith=base).values_list("username", flat=True)
    taken = {name.lower() for name in names}
    numbered = (f"{base}-{number}" for number in range(2, len(names) + 3))
    return next(name for name in (base, *numbered) if name.lower() not in taken)
