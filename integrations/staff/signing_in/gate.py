"""Decides whether a session may see the portal's pages. Every page makes this check."""

from enum import Enum

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.urls import reverse

from integrations.services.people.grants import grants_of
from integrations.staff.signing_in.records import FACTOR, PROVIDER, records_of

_ASKED = "_second_factor_missing"


class Missing(Enum):
    """What a session still lacks. Each value is the URL name of the page that the person must visit first."""

    SET_UP = "mfa_index"
    PROVE = "mfa_reauthenticate"

    @property
    def url(self) -> str:
        return reverse(self.value)


def is_staff(person: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether this is an active member of staff."""
    return bool(person.is_active and getattr(person, "is_staff", False))


def missing_in(request: HttpRequest) -> Missing | None:
    """Return the factor or proof that this request's session lacks, or None; computed once per request."""
    if not hasattr(request, _ASKED):
        setattr(request, _ASKED, missing(request.session, request.user))
    found: Missing | None = getattr(request, _ASKED)
    return found


def missing(session: SessionBase, person: AbstractBaseUser | AnonymousUser) -> Missing | None:
    """Return the factor or proof that a session of this member of staff lacks, or None.

    Once a person has a second factor, every session must prove it, including sessions opened earlier with the password
    only or by the identity provider. A person who signs in with OpenID Connect need not set up a factor here, because
    requiring a factor is then the provider's responsibility.
    """
    methods = {each.method for each in records_of(session, person)}
    if isinstance(person, AbstractBaseUser) and grants_of(person).has_second_factor:
        return None if FACTOR in methods else Missing.PROVE
    if PROVIDER in methods:
        return None
    return Missing.SET_UP if settings.STAFF_SECOND_FACTOR == "required" else None
