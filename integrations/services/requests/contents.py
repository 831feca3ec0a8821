"""The stored contents of requests and answers: a readable copy without secrets, and an encrypted original.

The readable columns never contain a PIN or another secret (secret_members.py). If something was left out, a second
column holds the original, encrypted under CREDENTIAL_KEY, for as long as it is needed. A request's original stays until
the request has ended, because it may have to be sent again. An answer's original stays until payloads are pruned,
because a repeated request_id must get the same bytes. If nothing was left out, the second column is null.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from integrations.security import secret_digests
from integrations.security.redaction import REDACTED
from integrations.security.sealing import SealBroken, seal, unseal
from integrations.services.requests.secret_members import (
    hide,
    hide_in_words,
    hide_values,
    hide_values_in_words,
    values_in,
)
from integrations.wire.canonical_json import canonical

# A GUID identifies a user of the POS; any other value may be a PIN (SEEN).
_USER_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

REQUEST, ANSWER = "request", "answer"  # originals are sealed for one of these purposes (security/sealing.py)

# How many hex digits of a keyed digest are stored. The key's id and a mark precede them, which makes 64 characters,
# as many as in a digest of older versions. The stored 220 of 256 bits are enough to distinguish contents.
_DIGEST_LENGTH = 55


NOTHING: frozenset[str] = frozenset()


class KeyGone(SealBroken):
    """The server no longer has the key that a stored value needs."""


class Content(NamedTuple):
    """The values to compare when a RequestID is repeated. How a payload's JSON is spelled does not matter."""

    message_type: int
    device_id: str
    user_identifier: str | None
    payload: str

    @classmethod
    def of(cls, row: Any) -> "Content":
        """Return the content of a row, or of another object with the same attributes."""
        return cls(**{name: getattr(row, name) for name in cls._fields})

    def in_one_spelling(self) -> "Content":
        return self._replace(payload=canonical(self.payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRequest:
    """The columns that hold a request's content."""

    user_identifier: str | None = field(repr=False)
    payload: str = field(repr=False)
    sealed: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The columns that hold an answer's content."""

    error_message: str | None = field(repr=False)
    answer: str | None = field(repr=False)
    sealed: str | None = field(repr=False)


def keep_request(user_identifier: str | None, payload: str) -> KeptRequest:
    """Return the columns to store for a request."""
    shown_user, shown = hide_user(user_identifier), hide(payload)
    changed = _changed(user_identifier=(user_identifier, shown_user), payload=(payload, shown))
    return KeptRequest(user_identifier=shown_user, payload=shown, sealed=_sealed(changed, REQUEST))


def keep_answer(error_message: str | None, answer: str | None, asked: frozenset[str] = NOTHING) -> KeptAnswer:
    """Return the columns to store for an answer. `asked` are the secrets of its request, which a POS may repeat."""
    message = None if error_message is None else hide_values_in_words(hide_in_words(error_message), asked)
    shown = None if answer is None else hide(answer)
    if shown and asked:
        shown = hide_values(shown, asked)
    changed = _changed(error_message=(error_message, message), answer=(answer, shown))
    return KeptAnswer(error_message=message, answer=shown, sealed=_sealed(changed, ANSWER))


def original_request(kept: KeptRequest) -> tuple[str | None, str]:
    """Return UserIdentifier and payload as the caller sent them. Raises SealBroken."""
    whole = _unseal_fields(kept.sealed, REQUEST)
    return whole.get("user_identifier", kept.user_identifier), whole.get("payload", kept.payload)


def original_answer(kept: KeptAnswer) -> tuple[str | None, str | None]:
    """Return ErrorMessage and payload as the POS sent them. Raises SealBroken."""
    whole = _unseal_fields(kept.sealed, ANSWER)
    return whole.get("error_message", kept.error_message), whole.get("answer", kept.answer)


def secrets_asked(user_identifier: str | None, payload: str) -> frozenset[str]:
    """Return the secret strings and numbers of a request."""
    if user_identifier and hide_user(user_identifier) != user_identifier:
        return values_in(payload) | values_in(json.dumps({"UserIdentifier": user_identifier}))
    return values_in(payload)


def secrets_sealed(sealed: str | None) -> frozenset[str]:
    """Return the secrets of a request from its encrypted original; empty if there is none or it cannot be decrypted."""
    if sealed is None:
        return NOTHING
    try:
        whole = _unseal_fields(sealed, REQUEST)
    except SealBroken:
        return NOTHING
    return secrets_asked(whole.get("user_identifier"), whole.get("payload", ""))


def hide_user(user_identifier: str | None) -> str | None:
    """Return a user's GUID unchanged, and hide any other value, which may be a PIN."""
    if not user_identifier or _USER_ID.fullmatch(user_identifier):
        return user_identifier
    return REDACTED


def digest(content: Content) -> str:
    """Return the keyed digest that identifies a content, however its payload is spelled.

    It is keyed because a four-digit PIN can be guessed from a plain digest at once.
    """
    return _keyed(content.in_one_spelling(), secret_digests.current_key().key_id, ":")


def is_digest_of(kept: str, content: Content) -> bool:
    """Return whether a stored digest is of this content, under any of the server's keys. Raises KeyGone.

    A digest from an older version matches only if the payload's JSON is spelled exactly as before.
    """
    key_id, mark, _ = re.split("([:.])", kept, maxsplit=1) if is_keyed(kept) else (kept, "", "")
    if mark == ":":
        content = content.in_one_spelling()
    expected = _keyed(content, key_id, mark) if mark else _unkeyed_digest(content)
    return hmac.compare_digest(kept, expected)


def is_keyed(kept: str) -> bool:
    """Return whether a stored digest is keyed. A keyed digest begins with the key's id and a mark.

    The mark is a colon, or a full stop if the spelling of the JSON matters.
    """
    return ":" in kept or "." in kept


def _keyed(content: Content, key_id: str, mark: str) -> str:
    value = secret_digests.keyed_digest(f"content of a request {json.dumps(content)}", key_id)
    if value is None:
        raise KeyGone("The digest was created under a key that is no longer in the settings.")
    return f"{key_id}{mark}{value[:_DIGEST_LENGTH]}"


def _unkeyed_digest(content: Content) -> str:
    """Return the unkeyed digest that older versions stored. It is replaced when its row is redacted."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _changed(**pairs: tuple[str | None, str | None]) -> dict[str, str | None]:
    return {name: original for name, (original, kept) in pairs.items() if original != kept}


def _sealed(changed: dict[str, str | None], purpose: str) -> str | None:
    return seal(json.dumps(changed), purpose=purpose) if changed else None


def _unseal_fields(sealed: str | None, purpose: str) -> dict[str, Any]:
    if sealed is None:
        return {}
    whole: dict[str, Any] = json.loads(unseal(sealed, purpose=purpose))
    return whole
