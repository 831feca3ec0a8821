"""The claims of an OpenID Connect provider about a person, read from its last stored answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from integrations.text.characters import printable, without_hidden


@dataclass(frozen=True)
class Claims:
    """The provider's claims about a person. `email` is empty unless the provider has verified it."""

    email: str
    user_name: str
    first_name: str
    last_name: str
    groups: frozenset[str] | None  # None if OIDC_GROUPS_CLAIM is not set


def claims_of(identity: SocialAccount) -> Claims:
    """Return the provider's claims about the person. An e-mail address that it has not verified is left out."""
    token, userinfo = claims_in(identity, "id_token"), claims_in(identity, "userinfo")
    of_address = userinfo if "email" in userinfo else token
    both = {**token, **userinfo}
    return Claims(
        email=_text_claim(of_address, "email") if of_address.get("email_verified") is True else "",
        user_name=without_hidden(_text_claim(both, "preferred_username")),
        first_name=without_hidden(_text_claim(both, "given_name")),
        last_name=without_hidden(_text_claim(both, "family_name")),
        groups=_groups(both) if settings.OIDC_GROUPS_CLAIM else None,
    )


def claims_in(identity: SocialAccount, source: str) -> Mapping[str, Any]:
    """Return the claims from `source`, which is "id_token" or "userinfo"."""
    found = identity.extra_data.get(source)
    return found if isinstance(found, dict) else {}


def _text_claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return printable(value, 150).strip() if isinstance(value, str) else ""


def _groups(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get(settings.OIDC_GROUPS_CLAIM)
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(each for each in names if isinstance(each, str))
