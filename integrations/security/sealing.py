"""Texts that must be read again, kept so that the database alone does not give them away.

For what cannot be a digest: the secret that signs a webhook, a payload whose PIN the POS has yet to get. The key comes
from CREDENTIAL_KEY (or its fallbacks), which is not in the database; each purpose has a key of its own, so that what
was sealed for one cannot be passed off as another's.
"""

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.views.decorators.debug import sensitive_variables

from integrations.security import keyring


class SealBroken(ValueError):
    """What was sealed cannot be read: its key is gone from the settings, or it is not what was sealed."""


@sensitive_variables("text")
def seal(text: str, *, purpose: str) -> str:
    """Return `text` encrypted, as ASCII of about four thirds its length plus 100."""
    return _keys(purpose).encrypt(text.encode()).decode("ascii")


@sensitive_variables()
def unseal(sealed: str, *, purpose: str) -> str:
    """Return what was sealed for this purpose. Raises SealBroken."""
    try:
        return _keys(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken(f"What was sealed for {purpose} cannot be read under the keys of the settings.") from None


@sensitive_variables()
def is_readable(sealed: str, *, purpose: str) -> bool:
    """Return whether a text was sealed for this purpose under a key of the settings."""
    try:
        unseal(sealed, purpose=purpose)
    except SealBroken:
        return False
    return True


@sensitive_variables()
def _keys(purpose: str) -> MultiFernet:
    return MultiFernet([_key(each, purpose) for each in keyring.CREDENTIAL.masters_writing_first])


@functools.lru_cache(maxsize=64)  # a request that holds a PIN waits for this, and settings hold the keys as well
@sensitive_variables()
def _key(master: str, purpose: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=f"order-n-pay sealing {purpose}".encode()).derive(
        master.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
