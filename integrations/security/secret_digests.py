"""Generates, recognises, digests and compares secrets.

A generated secret has the format `ONPS-PPPPP-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XCCCC`: a prefix for its kind, five public
characters to identify it, 26 random characters (130 bits) and a checksum of four. The alphabet is Crockford's base32
in any letter case, without I, L, O and U, so a secret is easy to read out over the phone and to type on a till.
"""

import base64
import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

from integrations.security import keyring
from integrations.text.characters import visible

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PUBLIC_LENGTH = 5
RANDOM_LENGTH = 26
CHECKSUM_LENGTH = 4
BODY_LENGTH = PUBLIC_LENGTH + RANDOM_LENGTH + CHECKSUM_LENGTH
MIN_ADOPTED_LENGTH = 8
MIN_ADOPTED_BITS = 24  # a secret of one or two different characters has fewer
MAX_SECRET_LENGTH = 256
STRONG_BITS = 112  # OWASP ASVS 5.0, 6.5.2: with this many bits or more, a fast digest is enough

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_LOOKALIKES = str.maketrans("OIL", "011")
_CANONICAL = re.compile(rf"ONP[A-Z](?:-[{ALPHABET}]{{5}}){{7}}").fullmatch
_HYPHENS = re.compile(r"[\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+")  # mail programs replace hyphens by dashes


class SecretKind(StrEnum):
    """The kind of a secret: its first four characters."""

    POS_SECRET = "ONPS"  # noqa: S105  (the prefix, not a secret)
    API_KEY = "ONPK"


class Algorithm(StrEnum):
    """The algorithm of a stored digest."""

    HMAC_SHA256 = "hmac-sha256"  # for generated secrets, whose 130 random bits need no slow hash
    ARGON2ID = "argon2id"  # for adopted secrets, which a person may have chosen


@dataclass(frozen=True)
class Digest:
    """The stored form of a secret. An adopted secret is found by its `fingerprint`, because its hash is salted."""

    algorithm: Algorithm
    value: str = field(repr=False)
    key_id: str
    shown: str
    bits: int
    fingerprint: str | None = field(default=None, repr=False)


def generate(kind: SecretKind) -> str:
    """Return a new secret of 130 random bits from the system's CSPRNG."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(PUBLIC_LENGTH + RANDOM_LENGTH))
    return _written(kind, body + _checksum(kind, body))


class WrongChecksum(ValueError):
    """The text looks like a generated secret, but its checksum is wrong, so it was mistyped."""


def recognise(kind: SecretKind, text: str) -> str | None:
    """Return the canonical form of a generated secret, or None for any other text.

    Raises WrongChecksum for a generated secret with a wrong checksum, so the caller need not look the secret up.
    """
    if _is_as_handed_over(kind, text):
        return text
    text = visible(text)
    joined = _HYPHENS.sub("", text).upper()
    if not _carries_prefix(kind, text, joined):
        return None
    body = joined[len(kind) :].translate(_LOOKALIKES)
    if len(body) != BODY_LENGTH or not hmac.compare_digest(body[-CHECKSUM_LENGTH:].encode(), _expected(kind, body)):
        raise WrongChecksum("The secret was mistyped: its checksum is wrong.")
    return _written(kind, body)


def digest_generated(kind: SecretKind, canonical: str) -> Digest:
    """Return the digest of a canonical generated secret, keyed with the key that this process writes with."""
    key = current_key()
    shown = canonical[: len(kind) + 1 + PUBLIC_LENGTH]
    value = keyed_digest(canonical, key.key_id) or ""
    return Digest(Algorithm.HMAC_SHA256, value, key.key_id, shown, RANDOM_LENGTH * 5)


def digest_adopted(secret: str) -> Digest:
    """Return the digest of a secret that PowerEPOS chose. Takes 0.1 s of CPU, so never call it on the event loop."""
    key = current_key()
    shown = f"{secret[0]}… ({len(secret)} characters)"
    fingerprint = _fingerprint(secret, key)
    return Digest(Algorithm.ARGON2ID, _hasher.hash(secret), key.key_id, shown, estimate_bits(secret), fingerprint)


def adopted_fingerprints(secret: str) -> list[str]:
    """Return each fingerprint that `secret` may already be stored with: one for each known key."""
    return [_fingerprint(secret, key) for key in known_keys().values()]


def keyed_digest(canonical: str, key_id: str) -> str | None:
    """Return the keyed SHA-256 digest in hex, or None if the key with this id is no longer configured."""
    key = known_keys().get(key_id)
    return key.digest(canonical.encode()) if key else None


def keyed_digests(canonical: str) -> list[str]:
    """Return each digest that a generated secret may already be stored with: one for each known key."""
    message = canonical.encode()
    return [key.digest(message) for key in known_keys().values()]


def verify_adopted(secret: str, stored: str) -> bool:
    """Return whether an adopted secret matches its Argon2id hash. Takes some 30 ms of CPU."""
    try:
        return _hasher.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


def estimate_bits(secret: str) -> int:
    """Return an upper bound of a secret's entropy in bits, from its length and kinds of characters."""
    classes = ((r"[a-z]", 26), (r"[A-Z]", 26), (r"[0-9]", 10), (r"[^a-zA-Z0-9]", 33))
    size = sum(count for pattern, count in classes if re.search(pattern, secret))
    return int(min(len(secret), 2 * len(set(secret))) * math.log2(size)) if size else 0


@dataclass(frozen=True)
class DigestKey:
    """One server-side key. Its id is stored with each digest, which allows keys to be replaced."""

    key_id: str
    salt: bytes = field(repr=False)
    _keyed: hmac.HMAC = field(repr=False, compare=False)  # the HMAC of an empty message; copied for each digest

    def digest(self, message: bytes) -> str:
        """Return the keyed SHA-256 digest in hex."""
        code = self._keyed.copy()  # hmac.digest would release the GIL and lose time waiting to get it back
        code.update(message)
        return code.hexdigest()


def current_key() -> DigestKey:
    """Return the key for new digests: the newest CREDENTIAL_KEY that all processes have."""
    return known_keys()[keyring.CREDENTIAL.writing_id]


@cache  # deriving a key costs more than a digest, and settings change only in tests (tests/conftest.py)
def known_keys() -> Mapping[str, DigestKey]:
    """Return the current key and the fallbacks, by id."""
    return {key_id: _derive(key_id, master) for key_id, master in keyring.CREDENTIAL.masters.items()}


# 19 MiB, two passes, one lane: OWASP's first choice for Argon2id. The fingerprint costs twice as much.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _random_base64(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")


# This hash matches no secret, but takes as long to verify as a real one. It consists of random bytes, because computing
# a real hash would add 40 ms to the start of each process.
DUMMY_ARGON2ID = (
    f"$argon2id$v={ARGON2_VERSION}$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${_random_base64(_hasher.salt_len)}${_random_base64(_hasher.hash_len)}"
)


def _derive(key_id: str, master: str) -> DigestKey:
    digest, salt = (hmac.digest(master.encode(), purpose, "sha256") for purpose in (b"digest", b"salt"))
    return DigestKey(key_id, salt[:16], hmac.new(digest, digestmod="sha256"))


def _fingerprint(secret: str, key: DigestKey) -> str:
    # Without the server's key, an attacker cannot test guesses. With it, a guess costs as much as two Argon2id checks.
    slow = hash_secret_raw(
        secret.encode(), key.salt, time_cost=4, memory_cost=19_456, parallelism=1, hash_len=32, type=Type.ID
    )
    return key.digest(slow)


def _is_as_handed_over(kind: SecretKind, text: str) -> bool:
    """Return whether a text is already canonical. This is the fast path: nearly every POS sends the canonical form."""
    if not (text.startswith(kind) and _CANONICAL(text)):
        return False
    body = text[len(kind) :].replace("-", "")
    return hmac.compare_digest(body[-CHECKSUM_LENGTH:].encode(), _expected(kind, body))


def _carries_prefix(kind: SecretKind, text: str, joined: str) -> bool:
    begins = joined.startswith((kind, kind.replace("O", "0")))
    return begins and (len(joined) == len(kind) + BODY_LENGTH or bool(_HYPHENS.match(text, len(kind))))


def _written(kind: SecretKind, body: str) -> str:
    return "-".join([kind, *(body[start : start + 5] for start in range(0, len(body), 5))])


def _expected(kind: SecretKind, body: str) -> bytes:
    return _checksum(kind, body[:-CHECKSUM_LENGTH]).encode()


def _checksum(kind: SecretKind, body: str) -> str:
    number = int.from_bytes(hashlib.sha256(f"{kind}{body}".encode()).digest()[:3]) >> 4
    return _PAIRS[number >> 10] + _PAIRS[number & 1023]
