"""The proofs of identity in a session: allauth's records, read without a request."""

from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from integrations.services.people.second_factors import in_words

PASSWORD, FACTOR, PROVIDER = "password", "mfa", "socialaccount"


@dataclass(frozen=True)
class Record:
    """One proof of identity: its method and its time (seconds since 1970)."""

    method: str
    at: float
    factor: str = ""

    @property
    def words(self) -> str:
        if self.method == FACTOR:
            return in_words(self.factor)
        return {PASSWORD: "password", PROVIDER: "OpenID Connect"}.get(self.method, self.method)


def records_of(session: SessionBase, person: AbstractBaseUser | AnonymousUser) -> list[Record]:
    """Return this person's proofs of identity in a session, oldest first."""
    if person.pk is None:
        return []
    request = HttpRequest()
    request.session = session
    return [_record_of(each) for each in get_authentication_records(request, person)]


def put_back(session: SessionBase, at: float) -> None:
    """Set the newest proof's time to `at`, the time of the authentication at the provider, if `at` is earlier."""
    kept: list[dict[str, Any]] = session[AUTHENTICATION_METHODS_SESSION_KEY]
    kept[-1]["at"] = min(at, kept[-1]["at"])
    session[AUTHENTICATION_METHODS_SESSION_KEY] = kept


def _record_of(kept: dict[str, Any]) -> Record:
    return Record(kept["method"], float(kept["at"]), kept.get("type", ""))
