"""Access tokens: made, read, never stored.

Signed by Django, under the newest SECRET_KEY that all processes have, and read under each that this one has; letters,
digits, `-`, `_` and `.` only, because whether a POS escapes what it puts into a URL is not known. Its time is the
database's (models/clock.py): another host, whose own clock may differ, reads it. A token names its
credential and the integration's generation: what voids them voids it.
"""

import hmac
import json
from functools import cached_property, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

from integrations.models.clock import shared_seconds
from integrations.security import keyring

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
    return _signer().sign_bytes(b"[%d,%d,%d]" % token)


def read(text: str) -> Token:
    """Return what a token says. Raises ForgedToken or ExpiredToken; whether it was voided the rows know."""
    if len(text) > MAX_LENGTH:
        raise ForgedToken
    try:
        payload, second = _signer().unsign_second(text)
        token = _unpacked(payload)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ForgedToken from error
    if shared_seconds() - second > settings.POS_TOKEN_LIFETIME:
        raise ExpiredToken(token)
    return token


def _unpacked(payload: str) -> Token:
    return Token(*json.loads(signing.b64_decode(payload.encode())))


def _signer() -> "_Signer":
    return _signer_under(keyring.SIGNING.writing_master)


@lru_cache(2)
def _signer_under(key: str) -> "_Signer":
    return _Signer(key=key, fallback_keys=list(keyring.SIGNING.masters_writing_first[1:]), salt=SALT, sep=".")


class _Signer(signing.TimestampSigner):
    """Django's signer, with the key of its HMAC derived once and each second written once, not for each token."""

    def sign_bytes(self, value: bytes) -> str:
        """Return what `sign` would of the same in base64."""
        signed = b"%s.%s" % (signing.b64_encode(value), _in_base62(int(shared_seconds())))
        return f"{signed.decode()}.{self.signature(signed)}"

    def unsign_second(self, text: str) -> tuple[str, int]:
        """Return what was signed, and in which second. Raises BadSignature or ValueError."""
        payload, _, second = signing.Signer.unsign(self, text).rpartition(self.sep)
        return payload, signing.b62_decode(second)

    def signature(self, value: bytes | str, key: bytes | str | None = None) -> str:
        code = (self._begun if key is None else self._begin(key)).copy()
        code.update(value if isinstance(value, bytes) else value.encode())
        return signing.b64_encode(code.digest()).decode()

    @cached_property
    def _begun(self) -> hmac.HMAC:
        return self._begin(self.key)

    def _begin(self, key: bytes | str) -> hmac.HMAC:
        return salted_hmac(f"{self.salt!s}signer", b"", key, algorithm=self.algorithm)


@lru_cache(2)
def _in_base62(second: int) -> bytes:
    return signing.b62_encode(second).encode()
