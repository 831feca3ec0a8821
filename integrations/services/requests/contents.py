"""What a request and its answer say, as it is kept: readable without its secrets, and sealed with them.

The readable columns never hold a PIN or what else is secret (secret_members.py). Where something was
left out, a second column holds what was there, encrypted under CREDENTIAL_KEY, as long as it is needed: a request's
until it has ended, because it may have to be sent again; an answer's until the payloads are pruned, because the same
request_id must get the same bytes. Where nothing was left out the second column is null, and nothing is encrypted.
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

# A GUID names a user of the POS; whatever else stands for one may be a PIN (SEEN).
_USER_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

REQUEST, ANSWER = "request", "answer"  # what the originals are sealed for

# 64 characters in all, as many as the digest without a key had; 216 of 256 bits are enough to tell contents apart.
_DIGEST_LENGTH = 55


NOTHING: frozenset[str] = frozenset()


class KeyGone(SealBroken):
    """The key under which something is kept is not among the server's any more."""


class Content(NamedTuple):
    """What makes two requests the same; the payload in whatever spelling."""

    message_type: int
    device_id: str
    user_identifier: str | None
    payload: str

    def by_name(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def in_one_spelling(self) -> "Content":
        return Content(self.message_type, self.device_id, self.user_identifier, canonical(self.payload))


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What the columns hold of a request's content."""

    user_identifier: str | None = field(repr=False)
    payload: str = field(repr=False)
    sealed: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the columns hold of an answer's content."""

    error_message: str | None = field(repr=False)
    answer: str | None = field(repr=False)
    sealed: str | None = field(repr=False)


def keep_request(user_identifier: str | None, payload: str) -> KeptRequest:
    """Return what is to be kept of a request."""
    shown_user, shown = hide_user(user_identifier), hide(payload)
    changed = _changed(user_identifier=(user_identifier, shown_user), payload=(payload, shown))
    return KeptRequest(shown_user, shown, _sealed(changed, REQUEST))


def keep_answer(error_message: str | None, answer: str | None, asked: frozenset[str] = NOTHING) -> KeptAnswer:
    """Return what is to be kept of an answer; `asked` are the secrets of its request, which a POS may repeat."""
    said = None if error_message is None else hide_values_in_words(hide_in_words(error_message), asked)
    shown = None if answer is None else hide(answer)
    if shown and asked:
        shown = hide_values(shown, asked)
    changed = _changed(error_message=(error_message, said), answer=(answer, shown))
    return KeptAnswer(said, shown, _sealed(changed, ANSWER))


def original_request(kept: KeptRequest) -> tuple[str | None, str]:
    """Return UserIdentifier and payload as they came. Raises SealBroken."""
    whole = _unseal_fields(kept.sealed, REQUEST)
    return whole.get("user_identifier", kept.user_identifier), whole.get("payload", kept.payload)


def original_answer(kept: KeptAnswer) -> tuple[str | None, str | None]:
    """Return ErrorMessage and payload as the POS sent them. Raises SealBroken."""
    whole = _unseal_fields(kept.sealed, ANSWER)
    return whole.get("error_message", kept.error_message), whole.get("answer", kept.answer)


def secrets_asked(user_identifier: str | None, payload: str) -> frozenset[str]:
    """Return the texts and numbers of a request that may not be read."""
    if user_identifier and hide_user(user_identifier) != user_identifier:
        return values_in(payload) | values_in(json.dumps({"UserIdentifier": user_identifier}))
    return values_in(payload)


def secrets_sealed(sealed: str | None) -> frozenset[str]:
    """Return the same of a request whose original is sealed; nothing where this process cannot unseal it."""
    try:
        whole = _unseal_fields(sealed, "request")
    except SealBroken:
        return NOTHING
    return secrets_asked(whole.get("user_identifier"), whole.get("payload", ""))


def hide_user(user_identifier: str | None) -> str | None:
    """Return a user's id as it is, and anything else, which may be a PIN, hidden."""
    if not user_identifier or _USER_ID.fullmatch(user_identifier):
        return user_identifier
    return REDACTED


def digest(content: Content) -> str:
    """Return by what a content is known again, however its payload is spelled.

    Keyed, because a PIN of four digits is guessed from a plain digest in no time.
    """
    return _keyed(content.in_one_spelling(), secret_digests.current_key().key_id, ":")


def is_digest_of(kept: str, content: Content) -> bool:
    """Return whether a kept digest is this content's, whichever of the server's keys made it. Raises KeyGone.

    A digest of an older version knows its content in the same spelling only.
    """
    key_id, mark, _ = re.split("([:.])", kept, maxsplit=1) if is_keyed(kept) else (kept, "", "")
    if mark == ":":
        content = content.in_one_spelling()
    expected = _keyed(content, key_id, mark) if mark else _plain(content)
    return hmac.compare_digest(kept, expected)


def is_keyed(kept: str) -> bool:
    """Return whether a kept digest was made under a key: with a colon of any spelling, with a full stop of one."""
    return ":" in kept or "." in kept


def _keyed(content: Content, key_id: str, mark: str) -> str:
    value = secret_digests.keyed_digest(f"content of a request {json.dumps(content)}", key_id)
    if value is None:
        raise KeyGone("The digest was made under a key that is not among the settings any more.")
    return f"{key_id}{mark}{value[:_DIGEST_LENGTH]}"


def _plain(content: Content) -> str:
    """Return what a version without keys kept; such rows are digested anew when they are redacted."""
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
