"""Detect whether this process lacks a newer CREDENTIAL_KEY that secrets are stored under.

Such a process started with old settings after the other processes had switched to the new key. It cannot verify the
secrets that they have stored since. Until it has the key, or nothing is stored under that key any more, /readyz returns
503, and an unknown secret gets 503 instead of 401.

A key that no live process has is a different case: it was lost, or removed from the settings on purpose. No process can
verify its secrets, so all processes stay ready, and the log and the doctor report the number of secrets.

Everything except is_lacking runs in a database thread.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Sequence

from integrations.models import ApiKeySecret, Credential, Request
from integrations.models.clock import shared_now
from integrations.models.request import OPEN_STATES
from integrations.security import keyring, secret_digests
from integrations.security.sealing import is_readable
from integrations.security.secret_digests import Algorithm
from integrations.services.requests import contents

COMPARE_SECONDS = 5.0
MOST_REQUESTS = 50  # requests to test-decrypt, at about 50 µs each
UNKNOWN = "Secrets are stored under a key that this process does not have. See manage.py doctor."
LACKING = (
    "This process lacks a newer CREDENTIAL_KEY that secrets are stored under, so it is not ready. Put the newer key "
    "into CREDENTIAL_KEY, keep the old one in CREDENTIAL_KEY_FALLBACKS, and restart this process."
)

logger = logging.getLogger(__name__)

_missing: frozenset[str] = frozenset()  # ids of newer keys that secrets are stored under
_compared_at = -COMPARE_SECONDS

Announced = tuple[str, ...]  # ids of keys, the newest first


def is_lacking() -> bool:
    """Return whether this process lacks a newer key that is in use, as of the last comparison."""
    return bool(_missing)


def compare(earlier: Sequence[Announced], later: Sequence[Announced]) -> None:
    """Compare the keys of this process with those of processes that started before and after it.

    It costs nothing while no other process has a newer key; otherwise it runs a few queries every COMPARE_SECONDS. If
    the process with the newer key ends, the key still counts as missing, because that process may be restarting.
    """
    global _compared_at  # noqa: PLW0603  (a process has one ring of keys)
    newer = _newer(keyring.CREDENTIAL.ids, earlier, later) | _missing
    if newer and time.monotonic() - _compared_at < COMPARE_SECONDS:
        return
    _compared_at = time.monotonic() if newer else -COMPARE_SECONDS
    _note(newer if newer and _is_stored_under(newer) else frozenset())


def report_unknown() -> None:
    """Log how many secrets are stored under keys that this process does not have. Called once, at its start."""
    known = secret_digests.known_keys()
    counts = digests_by_key(Credential) + digests_by_key(ApiKeySecret)
    if count := sum(counts[key] for key in counts if key not in known):
        logger.warning(UNKNOWN, extra={"count": count})


def digests_by_key(secrets: type[Credential] | type[ApiKeySecret]) -> Counter[str]:
    """Return the number of valid secrets for each digest key. Adopted POS secrets use no key and are not counted."""
    rows = secrets.objects.live(shared_now()).filter(algorithm=Algorithm.HMAC_SHA256)
    return Counter(rows.values_list("key_id", flat=True).order_by())


def _newer(own: Announced, earlier: Sequence[Announced], later: Sequence[Announced]) -> frozenset[str]:
    """Return the keys that another process lists before the first key that it shares with this process.

    If the two processes share no key, the one that started later has the wrong settings. Then the result includes all
    keys of an earlier process, but none of a later one.
    """
    found: set[str] = set()
    for is_earlier, each in [*((True, keys) for keys in earlier), *((False, keys) for keys in later)]:
        common = [key for key in each if key in own]
        if common or is_earlier:
            found.update(each[: each.index(common[0])] if common else each)
    return frozenset(found.difference(own))


def _is_stored_under(key_ids: Collection[str]) -> bool:
    return any(_has_digest(kind, key_ids) for kind in (ApiKeySecret, Credential)) or _has_unreadable_request()


def _has_digest(kind: type[Credential] | type[ApiKeySecret], key_ids: Collection[str]) -> bool:
    live = kind.objects.live(shared_now())
    return live.filter(algorithm=Algorithm.HMAC_SHA256, key_id__in=key_ids).order_by().exists()


def _has_unreadable_request() -> bool:
    waiting = Request.objects.filter(state__in=OPEN_STATES).exclude(sealed_request=None).order_by("-pk")
    texts = waiting.values_list("sealed_request", flat=True)[:MOST_REQUESTS]
    return any(not is_readable(text, purpose=contents.REQUEST) for text in texts if text)


def _note(missing: frozenset[str]) -> None:
    global _missing  # noqa: PLW0603  (read on the event loop)
    if missing and not _missing:
        logger.error(LACKING)
    elif _missing and not missing:
        logger.info("The newer CREDENTIAL_KEY that this process lacks is no longer in use.")
    _missing = missing
