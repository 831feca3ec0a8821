"""Encrypts stored texts that the portal must be able to read later. The database alone does not reveal them.

This is used where a digest is not enough: for the secret that signs a webhook, or a payload with a PIN that the POS has
yet to receive. The key is derived from CREDENTIAL_KEY (or its fallbacks), which is not in the database. Each purpose
has its own key, so a text that was sealed for one purpose cannot be used for another.
"""

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.views.decorators.debug import sensitive_variables

from integrations.security import keyring


class SealBroken(ValueError):
    """A sealed text cannot be decrypted: its key is no longer in the settings, or the text was changed."""


@sensitive_variables("text")
def seal(text: str, *, purpose: str) -> str:
    """Return `text` encrypted as ASCII. The result has about 4/3 of the text's length plus 100 characters."""
    return _keys(purpose).encrypt(text.encode()).decode("ascii")


@sensitive_variables()
def unseal(sealed: str, *, purpose: str) -> str:
    """Return the text that was sealed for this purpose. Raises SealBroken."""
    try:
        return _keys(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken(f"A text sealed for {purpose} cannot be decrypted with the keys in the settings.") from None


@sensitive_variables()
def is_readable(sealed: str, *, purpose: str) -> bool:
    """Return whether a text was sealed for this purpose with a key in the settings."""
    try:
        unseal(sealed, purpose=purpose)
    except SealBroken:
        return False
    return True


@sensitive_variables()
def _keys(purpose: str) -> MultiFernet:
    return MultiFernet([_derived_key(each, purpose) for each in keyring.CREDENTIAL.masters_writing_first])


# Cached, because deriving a key would delay each request with a PIN. The cache reveals nothing more: the process has
# CREDENTIAL_KEY in memory anyway.
@functools.lru_cache(maxsize=64)
@sensitive_variables()
def _derived_key(master: str, purpose: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=f"order-n-pay sealing {purpose}".encode()).derive(
        master.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
