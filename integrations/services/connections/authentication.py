"""Decide whether a POS may have a token: compare the three values that it sent with the result of one query."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from integrations.models import Presence
from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.models.kept_secret import is_live
from integrations.security import keyring, secret_digests
from integrations.security.secret_digests import DUMMY_ARGON2ID, Algorithm, Digest, SecretKind
from integrations.services.connections.errors import (
    Busy,
    IntegrationDisabled,
    KeyMissing,
    MistypedSecret,
    NotPaired,
    WrongSecret,
)
from integrations.services.keys import newer_keys
from integrations.services.rows.sql_query import SqlQuery
from integrations.text.characters import identity, is_same_id, trimmed

ADOPTED_THREADS = 1  # threads per VerificationQueue
ADOPTED_WAITING = 64


class VerificationQueue:
    """Verifies adopted secrets in separate threads. Generated secrets never wait for these slow hashes."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(ADOPTED_THREADS, thread_name_prefix=name)
        self.waiting = 0  # changed on the event loop only, so it needs no lock

    async def fits(self, secret: str, stored: str) -> bool:
        """Return whether a secret matches an Argon2id hash. Raises Busy."""
        if self.waiting >= ADOPTED_WAITING:
            raise Busy
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _fits_adopted, secret, stored)
        finally:
            self.waiting -= 1


other_callers = VerificationQueue("argon2")
known_callers = VerificationQueue("argon2-known")  # for callers from the address that their outlet last used


@dataclass(slots=True)  # Claim and Candidate are not frozen: creating a frozen object takes four times as long
class Claim:
    """The values that a POS sent: the IDs without invisible characters at their edges, the secret unchanged.

    `match_id` is the normalised ProviderOutletID, used to look the outlet up and to count attempts. `detail` tells
    staff which characters were removed from the edges.
    """

    provider_outlet_id: str
    pos_remote_id: str
    secret: str = field(repr=False)
    detail: str = ""
    match_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.match_id = identity(self.provider_outlet_id)


@dataclass(slots=True)
class Candidate:
    """A credential that a claim is checked against, with its integration."""

    credential_id: int
    algorithm: str
    digest: str = field(repr=False)
    key_id: str
    expires_at: datetime | None
    retired_at: datetime | None
    integration_id: int
    is_enabled: bool
    generation: int
    pos_remote_id: str
    match_id: str


_CANDIDATES = """
    SELECT credential.id AS credential_id, credential.algorithm, credential.digest, credential.key_id,
        credential.expires_at, credential.retired_at,
        credential.integration_id, integration.is_enabled, integration.generation, integration.pos_remote_id,
        outlet.match_id
    FROM integrations_credential AS credential
    JOIN integrations_integration AS integration ON integration.id = credential.integration_id
    JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
"""
_by_digest = SqlQuery(Candidate, _CANDIDATES + "WHERE credential.digest {among}")
_by_outlet = SqlQuery(Candidate, _CANDIDATES + "WHERE outlet.match_id {among}")

Digests = tuple[str, ...]  # the digests of one secret, one for each known key


def digests_of(canonical: str) -> Digests:
    """Return the digests that a generated secret may be stored under: one for each known key."""
    return tuple(secret_digests.keyed_digests(canonical))


def find_credentials(secrets: Sequence[Digests]) -> dict[Digests, Candidate]:
    """Return the credentials of these secrets, including retired ones. Runs one indexed query in a database thread.

    The query searches for the secret, not the outlet, so a wrong secret costs the same for every outlet.
    """
    rows = _by_digest.rows([digest for digests in secrets for digest in digests])
    found = {candidate.digest: candidate for candidate in rows}
    return {digests: found[digest] for digests in secrets for digest in digests if digest in found}


def find_candidates(match_ids: Sequence[str]) -> dict[str, list[Candidate]]:
    """Return the credentials of these outlets, to check an adopted secret. Runs one indexed query in a database thread.

    Two outlets that an older version created may share a `match_id`; the secret then decides between them.
    """
    found: dict[str, list[Candidate]] = {}
    for candidate in _by_outlet.rows(match_ids):
        found.setdefault(candidate.match_id, []).append(candidate)
    return found


def read_secret(claim: Claim) -> str | None:
    """Return the canonical form of a generated secret, or None for any other. Raises MistypedSecret. Reads no rows."""
    try:
        return secret_digests.recognise(SecretKind.POS_SECRET, claim.secret)
    except secret_digests.WrongChecksum as error:
        raise MistypedSecret from error


def verify_generated(claim: Claim, found: Candidate | None) -> Candidate:
    """Return `found`, the credential with the claim's generated secret, if the POS may use it. Raises Refused.

    A refusal does not say whether the outlet exists. The recorder looks that up when it stores the attempt.
    """
    if found is None and newer_keys.is_lacking():
        raise KeyMissing
    if found is None or found.match_id != claim.match_id:
        raise WrongSecret
    if not is_live(found, shared_now()):
        raise WrongSecret(Outcome.RETIRED_SECRET, found.integration_id)
    return _checked(claim, found)


async def verify_adopted(
    claim: Claim, candidates: Sequence[Candidate], queue: VerificationQueue = other_callers
) -> Candidate:
    """Return the credential that matches a claim with an adopted secret. Raises Refused.

    It computes one Argon2id hash in a separate thread, even if there is no adopted secret to compare with.
    """
    return _checked(claim, await _match_adopted(claim, candidates, queue))


def verify_remembered(claim: Claim, candidates: Sequence[Candidate], credential_id: int) -> Candidate | None:
    """Return the credential that the same claim matched earlier, or None if it is no longer valid. Raises Refused."""
    now = shared_now()
    proved = next((each for each in candidates if each.credential_id == credential_id and is_live(each, now)), None)
    return proved and _checked(claim, proved)


def find_last_addresses(integration_ids: Sequence[int]) -> dict[int, str]:
    """Return the address of each integration's latest POS connection. Runs in a database thread."""
    rows = Presence.objects.filter(pk__in=integration_ids, connection__isnull=False)
    return dict(rows.values_list("pk", "connection__address"))


def _checked(claim: Claim, matched: Candidate) -> Candidate:
    if not _is_paired(claim, matched):
        raise NotPaired(integration_id=matched.integration_id)
    if not matched.is_enabled:
        raise IntegrationDisabled(integration_id=matched.integration_id)
    return matched


def _is_paired(claim: Claim, candidate: Candidate) -> bool:
    return is_same_id(candidate.pos_remote_id, claim.pos_remote_id)


def fresh_digest(claim: Claim, proven: Candidate) -> Digest | None:
    """Return a proved secret's digest under the current key, or None if the stored digest uses that key already."""
    if proven.algorithm != Algorithm.HMAC_SHA256 or proven.key_id == keyring.CREDENTIAL.writing_id:
        return None
    canonical = read_secret(claim)
    return secret_digests.digest_generated(SecretKind.POS_SECRET, canonical) if canonical else None


async def _match_adopted(claim: Claim, candidates: Sequence[Candidate], queue: VerificationQueue) -> Candidate:
    now = shared_now()
    newest = _newest_adopted(claim, candidates, now)
    fits = await queue.fits(claim.secret, newest.digest if newest else DUMMY_ARGON2ID)
    if fits and newest is not None and is_live(newest, now):
        return newest
    raise _wrong(candidates, [newest] if fits and newest else ())


def _newest_adopted(claim: Claim, candidates: Sequence[Candidate], now: datetime) -> Candidate | None:
    """Return the adopted secret to compare with, or None.

    Rotation generates secrets, so an outlet has at most one live adopted secret.
    """
    adopted = [each for each in candidates if each.algorithm == Algorithm.ARGON2ID]
    # If none is live, the newest is the most informative for staff.
    order = lambda each: (is_live(each, now), _is_paired(claim, each), each.credential_id)  # noqa: E731
    return max(adopted, key=order, default=None)


def _fits_adopted(secret: str, stored: str) -> bool:
    """Return whether a secret matches, without or with the invisible characters at its edges.

    Older versions stored secrets with these characters.
    """
    bare = trimmed(secret)
    return secret_digests.verify_adopted(bare, stored) or (
        bare != secret and secret_digests.verify_adopted(secret, stored)
    )


def _wrong(candidates: Sequence[Candidate], matched: Sequence[Candidate]) -> WrongSecret:
    """Return the refusal. Its text for the caller is always the same; `outcome` tells staff the precise reason."""
    if not candidates:
        return WrongSecret(Outcome.UNKNOWN_OUTLET)
    integration_id = candidates[0].integration_id
    if matched:
        return WrongSecret(Outcome.RETIRED_SECRET, integration_id)
    return WrongSecret(Outcome.WRONG_SECRET, integration_id)
