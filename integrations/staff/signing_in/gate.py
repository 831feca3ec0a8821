"""Whether a session may see anything of the portal. Asked for every page."""

from enum import Enum

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.urls import reverse

from integrations.services.people.second_factors import has_second_factor
from integrations.staff.signing_in.records import FACTOR, PROVIDER, records_of

_ASKED = "_second_factor_missing"


class Missing(Enum):
    """What is still to be done before the portal opens."""

    SET_UP = "mfa_index"
    PROVE = "mfa_reauthenticate"

    @property
    def url(self) -> str:
        return reverse(self.value)


def is_staff(person: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether this is somebody for whom there are pages at all."""
    return bool(person.is_active and getattr(person, "is_staff", False))


def missing_in(request: HttpRequest) -> Missing | None:
    """Return what this request's session lacks, asked once per request."""
    if not hasattr(request, _ASKED):
        setattr(request, _ASKED, missing(request.session, request.user))
    found: Missing | None = getattr(request, _ASKED)
    return found


def missing(session: SessionBase, person: AbstractBaseUser | AnonymousUser) -> Missing | None:
    """Return what a session of this member of staff lacks, or None.

    Who has a factor must have proved it in this very session: one that somebody opened with the password alone, before
    there was a factor, is worth no more once there is, and so is one that the provider opened. A person who signs in by
    OpenID Connect need not set a factor up here: asking for one is then the provider's matter.
    """
    methods = {each.method for each in records_of(session, person)}
    if isinstance(person, AbstractBaseUser) and has_second_factor(person):
        return None if FACTOR in methods else Missing.PROVE
    if PROVIDER in methods:
        return None
    return Missing.SET_UP if settings.STAFF_SECOND_FACTOR == "required" else None
