"""Access tokens: made, read, never stored.

Signed by Django (SECRET_KEY, and SECRET_KEY_FALLBACKS for a while after an exchange); letters, digits, `-`, `_`
and `.` only, because whether a POS escapes what it puts into a URL is not known. A token names its credential and
the integration's generation: what voids them voids it.
"""

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

    def __init__(self, token: Token) -> None:
        super().__init__("The token has expired.")
        self.token = token


def issue(token: Token) -> str:
    """Return the signed text, good for POS_TOKEN_LIFETIME seconds."""
    return _signer().sign_object(list(token))


def read(text: str) -> Token:
    """Return what a token says. Raises ForgedToken or ExpiredToken; whether it was voided the rows know."""
    if len(text) > MAX_LENGTH:
        raise ForgedToken
    signer = _signer()
    try:
        token = Token(*signer.unsign_object(text))
        signer.unsign(text, max_age=settings.POS_TOKEN_LIFETIME)
    except signing.SignatureExpired as error:
        raise ExpiredToken(token) from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ForgedToken from error
    return token


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=SALT, sep=".")
