"""Access tokens: made, read, never stored.

Signed by Django (SECRET_KEY, and SECRET_KEY_FALLBACKS for a while after an exchange); letters, digits, `-`, `_`
and `.` only, because whether a POS escapes what it puts into a URL is not known. A token names its credential and
the integration's generation: what voids them voids it.
"""

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core import signing

SALT = "integrations.pos.token"
MAX_LENGTH = 512


class Token(NamedTuple):
    """What a token says."""

    integration_id: int
    credential_id: int
    generation: int


class ForgedToken(Exception):
    """The token is not one of ours."""


class ExpiredToken(Exception):
    """The token was ours and its time is over."""


def issue(token: Token) -> str:
    """Return the signed text, good for POS_TOKEN_LIFETIME seconds."""
    return _signer().sign_object(list(token))


def read(text: str) -> Token:
    """Return what a token says. Raises ForgedToken or ExpiredToken; whether it was voided the rows know."""
    try:
        content = _signer().unsign_object(text[:MAX_LENGTH], max_age=timedelta(seconds=settings.POS_TOKEN_LIFETIME))
        return Token(*content)
    except signing.SignatureExpired as error:
        raise ExpiredToken from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ForgedToken from error


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=SALT, sep=".")
