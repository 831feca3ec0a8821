"""Checks whether the digests and encrypted values in the database can be used with the configured keys."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import DatabaseError
from django.db.models import QuerySet

from integrations.models import ApiKeySecret, Credential, Request, WebhookEndpoint
from integrations.models.request import OPEN_STATES
from integrations.security import secret_digests
from integrations.security.sealing import is_readable
from integrations.services.keys.newer_keys import digests_by_key
from integrations.services.notices import signing
from integrations.services.requests import contents
from integrations.staff.signing_in.adapters import SEALED as SECOND_FACTOR
from portal.operations.doctor.finding import Finding, advice, fine, wrong

MOST = 1000  # at most this many rows of each kind are decrypted; each takes about 50 µs

TODO = (
    "Add the key that they were stored under to CREDENTIAL_KEY_FALLBACKS (docs/security.md). If that key is lost,"
    " rotate these secrets and reset the second factors."
)


def stored_under_lost_keys() -> Iterator[Finding]:
    """Count the stored secrets whose key is neither CREDENTIAL_KEY nor one of its fallbacks."""
    try:
        digests = {"POS secrets": digests_by_key(Credential), "API keys": digests_by_key(ApiKeySecret)}
        sealed = {words: _unreadable(texts, purpose) for words, texts, purpose in _sealed()}
    except DatabaseError:  # migrations are pending; another check reports that
        return
    known = secret_digests.known_keys()
    lost = {words: sum(counts[key] for key in counts if key not in known) for words, counts in digests.items()}
    found = ", ".join(f"{count} {words}" for words, count in {**lost, **sealed}.items() if count)
    total = Counter[str]()
    for counts in digests.values():
        total.update(counts)
    yield _judged(found, total)


def _judged(found: str, total: Counter[str]) -> Finding:
    if found and not any(key in total for key in secret_digests.known_keys()) and total:
        what = (
            f"CREDENTIAL_KEY matches none of the {total.total()} stored digests, and no fallback does. Stored: {found}."
        )
        return wrong("keys", what, TODO)
    if found:
        return wrong("keys", f"Stored under a key that is no longer configured: {found}.", TODO)
    if total and secret_digests.current_key().key_id not in total:
        todo = "Keep the fallbacks: a digest moves to CREDENTIAL_KEY when its secret is next used."
        what = (
            f"CREDENTIAL_KEY matches none of the {total.total()} stored digests yet; its fallbacks match all of them."
        )
        return advice("keys", what, todo)
    older = total.total() - total[secret_digests.current_key().key_id]
    moving = f" {older} of {total.total()} digests are under a fallback: keep it until they have moved."
    what = "Everything that is stored under a key of the server can be used with the configured keys."
    return fine("keys", what + (moving if older else ""))


def _sealed() -> Iterator[tuple[str, Iterable[str | None], str]]:
    """Yield each kind of sealed text: its name, the texts, and the purpose that they are sealed for."""
    newest = Request.objects.order_by("-pk")
    is_open = newest.filter(state__in=OPEN_STATES)  # sealed_request is erased when a request ends
    yield "webhook secrets", _column(WebhookEndpoint.objects.all(), "sealed_secret"), signing.PURPOSE
    yield "second factors", _factors(), SECOND_FACTOR
    yield "open requests", _column(is_open, "sealed_request"), contents.REQUEST
    yield "answers", _column(newest, "sealed_answer"), contents.ANSWER


def _column(rows: QuerySet[Any], name: str) -> Iterable[str | None]:
    return rows.values_list(name, flat=True)[:MOST]


def _factors() -> Iterator[str | None]:
    """Yield the sealed secrets of authenticator apps and recovery codes. A passkey's row contains no secret."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for data in Authenticator.objects.filter(type__in=kinds).order_by("-pk").values_list("data", flat=True)[:MOST]:
        yield data.get("secret") or data.get("seed")


def _unreadable(texts: Iterable[str | None], purpose: str) -> int:
    return sum(not is_readable(text, purpose=purpose) for text in texts if text)
