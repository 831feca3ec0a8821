"""Whether what is stored under the server's keys can still be used with the keys of the settings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import DatabaseError
from django.db.models import QuerySet

from integrations.models import ApiKeySecret, Credential, Request, WebhookEndpoint
from integrations.models.request import OPEN_STATES
from integrations.security import credentials
from integrations.security.sealing import is_readable
from integrations.services.keys.newer_keys import digests_by_key
from integrations.services.notices import signing
from integrations.services.requests import contents
from integrations.staff.signing_in.adapters import SEALED as SECOND_FACTOR
from portal.operations.doctor.finding import Finding, advice, fine, wrong

MOST = 1000  # rows of one kind whose seal is tried, the newest first: some 50 µs each

TODO = (
    "Put the key that they were stored under into CREDENTIAL_KEY_FALLBACKS (docs/security.md). Where that key is lost:"
    " rotate these secrets, reset the second factors."
)


def stored_under_lost_keys() -> Iterator[Finding]:
    """How many stored secrets need a key that is neither CREDENTIAL_KEY nor among its fallbacks."""
    try:
        digests = {"POS secrets": digests_by_key(Credential), "API keys": digests_by_key(ApiKeySecret)}
        sealed = {words: _unreadable(texts, purpose) for words, texts, purpose in _sealed()}
    except DatabaseError:  # the tables are not this version's; another part says so
        return
    known = credentials.known_keys()
    lost = {words: sum(counts[key] for key in counts if key not in known) for words, counts in digests.items()}
    found = ", ".join(f"{count} {words}" for words, count in {**lost, **sealed}.items() if count)
    total = Counter[str]()
    for counts in digests.values():
        total.update(counts)
    yield _judged(found, total)


def _judged(found: str, total: Counter[str]) -> Finding:
    if found and not any(key in total for key in credentials.known_keys()) and total:
        what = (
            f"CREDENTIAL_KEY matches none of the {total.total()} stored digests, and no fallback does. Stored: {found}."
        )
        return wrong("keys", what, TODO)
    if found:
        return wrong("keys", f"Stored under a key that is no longer configured: {found}.", TODO)
    if total and credentials.current_key().key_id not in total:
        todo = "Leave the fallbacks as they are: a digest moves to CREDENTIAL_KEY when its secret is next used."
        what = (
            f"CREDENTIAL_KEY matches none of the {total.total()} stored digests yet; its fallbacks match all of them."
        )
        return advice("keys", what, todo)
    older = total.total() - total[credentials.current_key().key_id]
    moving = f" {older} of {total.total()} digests are under a fallback: leave it there until they have moved."
    what = "Everything that is stored under a key of the server can be used with the keys of the settings."
    return fine("keys", what + (moving if older else ""))


def _sealed() -> Iterator[tuple[str, Iterable[str | None], str]]:
    """Yield each kind of sealed text: what it is called, the texts, and what they are sealed for."""
    newest = Request.objects.order_by("-pk")
    is_open = newest.filter(state__in=OPEN_STATES)  # the others' sealed_request is erased
    yield "webhook secrets", _column(WebhookEndpoint.objects.all(), "sealed_secret"), signing.PURPOSE
    yield "second factors", _factors(), SECOND_FACTOR
    yield "open requests", _column(is_open, "sealed_request"), contents.REQUEST
    yield "answers", _column(newest, "sealed_answer"), contents.ANSWER


def _column(rows: QuerySet[Any], name: str) -> Iterable[str | None]:
    return rows.values_list(name, flat=True)[:MOST]


def _factors() -> Iterator[str | None]:
    """Yield what is sealed of authenticator apps and recovery codes; a passkey's row holds no secret."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for data in Authenticator.objects.filter(type__in=kinds).order_by("-pk").values_list("data", flat=True)[:MOST]:
        yield data.get("secret") or data.get("seed")


def _unreadable(texts: Iterable[str | None], purpose: str) -> int:
    return sum(not is_readable(text, purpose=purpose) for text in texts if text)
