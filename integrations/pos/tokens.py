"""Signs and reads access tokens. They are never stored.

Django signs them with the newest SECRET_KEY that all processes have; they are read with every key that this process
has. They consist of letters, digits, `-`, `_` and `.`, because it is not known whether a POS escapes values in a URL.
The time in a token is the database's (models/clock.py), because the host that reads the token may have a different
clock from the host that issued it. A token names its credential and the integration's generation, so it becomes void
when the credential ends or the generation changes.
"""

import hmac
import json
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

from integrations.models.clock import shared_seconds
from integrations.security import keyring

SALT = "integrations.pos.token"
MAX_LENGTH = 512


class Token(NamedTuple):
    """The contents of a token."""

    integration_id: int
    credential_id: int
    generation: int


class ForgedToken(Exception):
    """The token was not issued by this portal."""


class ExpiredToken(Exception):
    """The token was issued by this portal and has expired."""

    def __init__(self, token: Token) -> None:
        super().__init__("The token has expired.")
        self.token = token


def issue(token: Token) -> str:
    """Return the signed text, valid for POS_TOKEN_LIFETIME seconds."""
    return _signer().sign_bytes(b"[%d,%d,%d]" % (token.integration_id, token.credential_id, token.generation))


def read(text: str) -> Token:
    """Return the contents of a token. Raises ForgedToken or ExpiredToken. The caller checks if the token is void."""
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
    integration_id, credential_id, generation = json.loads(signing.b64_decode(payload.encode()))
    return Token(integration_id=integration_id, credential_id=credential_id, generation=generation)


def _signer() -> "_Signer":
    return _signer_under(keyring.SIGNING.writing_master)


@lru_cache(2)
def _signer_under(key: str) -> "_Signer":
    return _Signer(key=key, fallback_keys=list(keyring.SIGNING.masters_writing_first[1:]), salt=SALT, sep=".")


class _Signer(signing.TimestampSigner):
    """Works like Django's signer, but faster: it caches the HMAC state of each key, and each second's encoded time."""

    def sign_bytes(self, value: bytes) -> str:
        """Return `value`, encoded in base64 and signed, in the same format as `sign`."""
        signed = b"%s.%s" % (signing.b64_encode(value), _in_base62(int(shared_seconds())))
        return f"{signed.decode()}.{self.signature(signed)}"

    def unsign_second(self, text: str) -> tuple[str, int]:
        """Return the payload and the time of signing, in whole Unix seconds. Raises BadSignature or ValueError."""
        payload, _, second = signing.Signer.unsign(self, text).rpartition(self.sep)
        return payload, signing.b62_decode(second)

    def signature(self, value: bytes | str, key: bytes | str | None = None) -> str:
        code = _keyed(self.key if key is None else key).copy()
        code.update(value if isinstance(value, bytes) else value.encode())
        return signing.b64_encode(code.digest()).decode()


@lru_cache(8)
def _keyed(key: bytes | str) -> hmac.HMAC:
    """Return a key's HMAC state, which is cached because deriving it is slow. Callers add a message to a copy."""
    return salted_hmac(f"{SALT}signer", b"", key, algorithm="sha256")


@lru_cache(2)
def _in_base62(second: int) -> bytes:
    return signing.b62_encode(second).encode()
