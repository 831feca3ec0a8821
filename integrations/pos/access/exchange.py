"""Issues an access token to a POS that sends the three values that the specification requires."""

from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError

from integrations.models import Credential
from integrations.models.attempt import Outcome
from integrations.pos import tokens
from integrations.pos.access import attempt_recording, availability
from integrations.pos.access.refusals import PortalUnavailable, TooManyFailures
from integrations.pos.access.visitors import Visitor
from integrations.pos.limits.proofs import Proofs
from integrations.pos.limits.throttle import Tarpit, Throttle
from integrations.pos.tokens import Token
from integrations.relay.records.secret_records import SecretRedigested, SecretUsed
from integrations.relay.runtime import Runtime
from integrations.services import metrics
from integrations.services.connections import authentication
from integrations.services.connections.authentication import Candidate, Claim, Digests
from integrations.services.connections.errors import MistypedSecret, Refused, WrongSecret
from integrations.services.rows.threads import Joined
from integrations.text.characters import identity
from integrations.text.client_address import network_of

AUTHENTICATIONS_AT_ONCE = 64  # maximum number of callers that share one query; later callers wait for the next one

throttle = Throttle()
proofs = Proofs()
tarpit = Tarpit()
_candidates: Joined[str, list[Candidate]] = Joined(authentication.find_candidates, AUTHENTICATIONS_AT_ONCE)
_credentials: Joined[Digests, Candidate] = Joined(authentication.find_credentials, AUTHENTICATIONS_AT_ONCE)
_last_addresses: Joined[int, str] = Joined(authentication.find_last_addresses)
_count_accepted = metrics.authentications[Outcome.ACCEPTED].inc
_followed: Runtime | None = None


async def issue_token(claim: Claim, visitor: Visitor) -> str:
    """Return an access token for the three values of a claim. Raises Refused."""
    running = await availability.get_runtime()
    _follow_changes(running)
    try:
        proven = await _prove(claim, visitor)
    except Refused as refusal:
        _note_failure(running, claim, visitor, refusal)
        if isinstance(refusal, TooManyFailures):
            await tarpit.hold()
        raise
    throttle.succeeded(claim.match_id, visitor.address)
    attempt = attempt_recording.authentication_attempt(claim, visitor, Outcome.ACCEPTED, proven.integration_id)
    running.recorder.record(attempt)
    running.recorder.record(SecretUsed(Credential, proven.credential_id, attempt.at))
    if digest := authentication.fresh_digest(claim, proven):
        running.recorder.record(SecretRedigested(Credential, proven.credential_id, digest))
    _count_accepted()
    token = Token(
        integration_id=proven.integration_id, credential_id=proven.credential_id, generation=proven.generation
    )
    return tokens.issue(token)


def _follow_changes(running: Runtime) -> None:
    """Subscribe to a new runtime's watcher, which reports the outlets that staff changed."""
    global _followed  # noqa: PLW0603  (only tests start a second runtime)
    if _followed is not running:
        running.watcher.on_change(_forgive)
        _followed = running


def _forgive(provider_outlet_id: str) -> None:
    """Forget the failures of an outlet that staff changed.

    Its remembered proofs may stay, because each use of a proof checks the credential's row.
    """
    throttle.forgive(identity(provider_outlet_id))


async def _prove(claim: Claim, visitor: Visitor) -> Candidate:
    """Return the candidate that a claim proves. Raises Refused.

    A generated secret is checked even if the caller is blocked. Such a secret cannot be guessed, and wrong settings in
    another client behind the same router must not make a till wait. An adopted secret might be guessed, so blocks
    apply to it.
    """
    try:
        if canonical := authentication.read_secret(claim):
            found = await _credentials.find(authentication.digests_of(canonical))
            return authentication.verify_generated(claim, found)
        return await _prove_adopted(claim, visitor)
    except (DatabaseError, InterfaceError) as error:
        raise PortalUnavailable from error
    except (WrongSecret, MistypedSecret) as refusal:
        wait = throttle.wait(claim.match_id, visitor.address)
        raise (TooManyFailures(wait, refusal.outcome) if wait else refusal) from refusal


async def _prove_adopted(claim: Claim, visitor: Visitor) -> Candidate:
    """Return the candidate with this adopted secret; skip the queue if the address proved it before. Raises Refused."""
    if wait := throttle.wait(claim.match_id, visitor.address):
        raise TooManyFailures(wait)
    candidates = await _candidates.find(claim.match_id) or ()
    known = proofs.find(claim, visitor.address)
    if known is not None and (proven := authentication.verify_remembered(claim, candidates, known)):
        return proven
    proven = await authentication.verify_adopted(claim, candidates, await _queue_for(visitor, candidates))
    proofs.remember(claim, visitor.address, proven.credential_id)
    return proven


async def _queue_for(visitor: Visitor, candidates: Sequence[Candidate]) -> authentication.VerificationQueue:
    """Return the queue for a caller: a separate one if it calls from the network of the outlet's last connection.

    The address of the last connection is in the database, so a restart of the server does not change the choice.
    """
    integration_id = candidates[0].integration_id if candidates else 0
    last = await _last_addresses.find(integration_id)
    is_known = last is not None and network_of(last) == network_of(visitor.address)
    return authentication.known_callers if is_known else authentication.other_callers


def _note_failure(running: Runtime, claim: Claim, visitor: Visitor, refusal: Refused) -> None:
    # A caller with the right secret is not guessing, so a wrong POSRemoteID or a disabled outlet is not a failure.
    if isinstance(refusal, WrongSecret | MistypedSecret):
        throttle.failed(claim.match_id, visitor.address)
    attempt_recording.record_refusal(running, claim, visitor, refusal)
