"""The second factors of the provider's staff: read and reset them, and record changes."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.people.errors import NoSecondFactor

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes do not count as a factor
WORDS = {
    Authenticator.Type.TOTP: "authenticator app",
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery code",
}


def in_words(kind: str) -> str:
    return WORDS[Authenticator.Type(kind)]


def has_second_factor(person: AbstractBaseUser) -> bool:
    return bool(Authenticator.objects.filter(user_id=person.pk, type__in=FACTORS).exists())


def kinds_of(person: AbstractBaseUser) -> list[str]:
    """Return the kinds of the person's factors, one entry for each factor."""
    found = Authenticator.objects.filter(user_id=person.pk, type__in=FACTORS).order_by("type", "pk")
    return list(found.values_list("type", flat=True))


def second_factors_of(person: AbstractBaseUser) -> list[str]:
    """Return the person's factors in words."""
    return [in_words(kind) for kind in kinds_of(person)]


def shown(person: Any) -> list[str]:
    """Return the different kinds of factors that a person has, in words.

    Reads only rows that the caller has prefetched. A linked identity counts as a kind.
    """
    kinds = {each.type for each in person.authenticator_set.all()} & set(FACTORS)
    by_provider = ["OpenID Connect"] if person.socialaccount_set.all() else []
    return [*sorted(in_words(kind) for kind in kinds), *by_provider]


@transaction.atomic
def reset_second_factors(person: User, *, actor: Actor) -> None:
    """Delete all factors and recovery codes of a person, for example after a lost phone. Raises NoSecondFactor.

    The person's sessions continue if the settings allow people without a factor. Setting a new password ends the
    sessions.
    """
    found = list(Authenticator.objects.select_for_update().filter(user=person))
    if not found:
        raise NoSecondFactor
    Authenticator.objects.filter(user=person).delete()
    record(Verb.FACTORS_RESET, person, actor=actor, factors=_listed(found))


def factor_was_added(person: User, kind: str, *, with_codes: bool, actor: Actor) -> None:
    """Record that the person added a factor, and if `with_codes`, that recovery codes were created with it."""
    record(Verb.FACTOR_ADDED, person, actor=actor, factor=in_words(kind))
    if with_codes:
        recovery_codes_were_created(person, actor=actor)


def factor_was_removed(person: User, kind: str, *, actor: Actor) -> None:
    record(Verb.FACTOR_REMOVED, person, actor=actor, factor=in_words(kind))


def recovery_codes_were_created(person: User, *, actor: Actor) -> None:
    record(Verb.RECOVERY_CODES_CREATED, person, actor=actor)


def _listed(found: list[Authenticator]) -> str:
    return ", ".join(sorted({in_words(each.type) for each in found}))
