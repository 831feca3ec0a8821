"""The POS's door: who may have a token, who may open the socket, and the record of each attempt.

Nothing here writes: what is to be recorded goes to the recorder. The state (counts of failures, joined look-ups)
is the process's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError

from integrations.models.attempt import Door, Outcome
from integrations.models.clock import shared_now
from integrations.pos import tokens
from integrations.pos.limits.proofs import Proofs
from integrations.pos.limits.throttle import Brake, Sampler, Throttle
from integrations.pos.tokens import ExpiredToken, ForgedToken, Token
from integrations.pos.visitors import Visitor
from integrations.relay import runtime
from integrations.relay.records.batch import Attempt
from integrations.relay.runtime import Runtime
from integrations.security.redaction import redact
from integrations.services import metrics
from integrations.services.connections import authentication
from integrations.services.connections.authentication import (
    Candidate,
    Claim,
    Digests,
    Refused,
    SecretMistyped,
    WrongSecret,
)
from integrations.services.rows.sql_query import SqlQuery
from integrations.services.rows.threads import Joined
from integrations.text.characters import identity, printable, spelled
from integrations.text.client_address import network_of

# How many POSes are looked up at once, at each of the two doors; the others wait for their turn.
AUTHENTICATIONS_AT_ONCE = 64
HANDSHAKES_AT_ONCE = 32


class TooManyFailures(Refused):
    """Blocked for `wait` seconds."""

    message = "Too many failed attempts. Please wait before the next one, and check the auth secret."

    def __init__(self, wait: float) -> None:
        super().__init__(Outcome.THROTTLED)
        self.wait = wait


class Away(Refused):
    """The portal cannot decide just now."""

    outcome = Outcome.DATABASE_AWAY
    message = "The portal is not available just now. Please try again shortly."


class Draining(Refused):
    outcome = Outcome.DRAINING
    message = "The portal is restarting. Please try again shortly."


class WrongPath(Refused):
    """Meant for the POS and sent to a path where nothing is; the text names the right one."""

    outcome = Outcome.WRONG_PATH

    def __init__(self, message: str, integration_id: int | None = None) -> None:
        self.message = message
        super().__init__(integration_id=integration_id)


class NoToken(Refused):
    outcome = Outcome.TOKEN_MISSING
    message = "An access token is needed: wss://HOST/?token=..."


class BadToken(Refused):
    """Forged, expired or voided: `outcome` says which."""

    message = "The access token is not valid any more. Please authenticate again."


@dataclass(slots=True)  # not frozen: a storm makes thousands, and that takes four times as long
class Admission:
    """A credential as the socket's door sees it, with its integration."""

    credential_id: int
    integration_id: int
    generation: int
    is_enabled: bool
    provider_outlet_id: str
    expires_at: datetime | None
    retired_at: datetime | None
    has_requests: bool  # that wait for this outlet's POS


_by_credential = SqlQuery(
    Admission,
    """
    SELECT credential.id AS credential_id, credential.integration_id, integration.generation, integration.is_enabled,
        outlet.provider_outlet_id, credential.expires_at, credential.retired_at,
        EXISTS (
            SELECT 1 FROM integrations_request AS request
            WHERE request.integration_id = credential.integration_id AND request.state {open}
        ) AS has_requests
    FROM integrations_credential AS credential
    JOIN integrations_integration AS integration ON integration.id = credential.integration_id
    JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
    WHERE credential.id {among}
    """,
)

throttle = Throttle()
proofs = Proofs()
brake = Brake()
_sampler = Sampler()
_of_one_address = Sampler(burst=200)  # whatever IDs it sends: each new one would begin a count of its own
# However many addresses there are; those of known outlets apart, so that a flood of others does not hide them.
_of_all_addresses = Sampler(burst=400)
_candidates: Joined[str, list[Candidate]] = Joined(authentication.find_candidates, AUTHENTICATIONS_AT_ONCE)
_credentials: Joined[Digests, Candidate] = Joined(authentication.find_credentials, AUTHENTICATIONS_AT_ONCE)
_last_addresses: Joined[int, str] = Joined(authentication.find_last_addresses)
_count_accepted = metrics.authentications[Outcome.ACCEPTED].inc
_announced_to: Runtime | None = None


async def exchange(claim: Claim, visitor: Visitor) -> str:
    """Return an access token for the three values. Raises Refused."""
    running = await _running()
    try:
        proven = await _prove(claim, visitor)
    except Refused as refusal:
        _note_failure(running, claim, visitor, refusal)
        if isinstance(refusal, TooManyFailures):
            await brake.hold()
        raise
    throttle.succeeded(claim.match_id, visitor.address)
    attempt = _attempt(claim, visitor, Outcome.ACCEPTED, proven.integration_id)
    running.recorder.attempt(attempt)
    running.recorder.used(proven.credential_id, attempt.at)
    if digest := authentication.fresh_digest(claim, proven):
        running.recorder.redigested(proven.credential_id, digest)
    _count_accepted()
    return tokens.issue(Token(proven.integration_id, proven.credential_id, proven.generation))


async def admit(token: str | None, visitor: Visitor, origin: str = "") -> Admission:
    """Return what a token opens. Raises Refused; the origin is recorded with a refusal and decides nothing."""
    try:
        return await _admission_of(token)
    except Refused as refusal:
        await note_refused_socket(refusal, visitor, f"The Origin header was {origin}" if origin else "")
        raise


async def note_refused_socket(refusal: Refused, visitor: Visitor, detail: str = "") -> None:
    """Record why a handshake was refused; a flood of them is sampled."""
    metrics.handshakes_refused[refusal.outcome].inc()
    running = await _running_if_it_can()
    if running is None or not _is_kept(visitor, refusal.outcome, refusal.integration_id, refusal.integration_id):
        return
    running.recorder.attempt(
        Attempt(
            at=shared_now(),
            door=Door.WEBSOCKET,
            outcome=refusal.outcome,
            integration_id=refusal.integration_id,
            address=visitor.address,
            user_agent=visitor.user_agent,
            detail=detail[:300],
        )
    )


async def note_malformed(visitor: Visitor, detail: str) -> None:
    """Record a request that has not the documented shape; a flood of them is sampled."""
    running = await _running_if_it_can()
    if running is None or not _is_kept(visitor, Outcome.MALFORMED, "", None):
        return
    attempt = Attempt(shared_now(), Door.AUTH, Outcome.MALFORMED, address=visitor.address, detail=detail)
    attempt.user_agent = visitor.user_agent
    running.recorder.attempt(attempt)


async def note_misdirected(refusal: WrongPath, visitor: Visitor, path: str, claim: Claim | None) -> None:
    """Record an authentication that was sent to a wrong path, under its outlet if it names one; a flood is sampled."""
    running = await _running_if_it_can()
    if running is None or not _is_kept(visitor, Outcome.WRONG_PATH, "", None):
        return
    attempt = _attempt(claim or Claim("", "", ""), visitor, refusal.outcome, None)
    attempt.detail = f"{path_detail(path)} {attempt.detail}"[:300].strip()
    running.recorder.attempt(attempt)


def path_detail(path: str) -> str:
    """Return what staff read about a wrong path."""
    return f"The path was {spelled(printable(redact(path), 200))}"[:300]


def outlet_of(token: str | None) -> int | None:
    """Return the integration that a token was issued for, whether or not it is still valid; None for no such token."""
    try:
        return tokens.read(token).integration_id if token else None
    except ExpiredToken as error:
        return error.token.integration_id
    except ForgedToken:
        return None


async def _running_if_it_can() -> Runtime | None:
    try:
        return await _running()
    except Refused:
        return runtime.current()


async def _running() -> Runtime:
    """Return the runtime. Raises Away while the database is, and Draining."""
    global _announced_to  # noqa: PLW0603  (the throttle hears of changes from each new runtime once)
    try:
        running = runtime.current() or await runtime.running()
    except (DatabaseError, InterfaceError) as error:
        raise Away from error
    if running.is_draining:
        raise Draining
    if _announced_to is not running:
        running.watcher.on_change(_forgive)
        _announced_to = running
    return running


def _forgive(provider_outlet_id: str) -> None:
    """Forget the failures of an outlet that staff changed. Its proofs stay: each is checked against its row."""
    throttle.forgive(identity(provider_outlet_id))


async def _prove(claim: Claim, visitor: Visitor) -> Candidate:
    """Prove a claim. Raises Refused.

    A generated secret is tried whatever is blocked: guessing one is hopeless, and a till must not wait because another
    client behind its router is set up wrongly. An adopted secret might be guessed: there the blocks hold.
    """
    try:
        if canonical := authentication.read_secret(claim):
            found = await _credentials.find(authentication.digests_of(canonical))
            return authentication.verify_generated(claim, found)
        return await _prove_adopted(claim, visitor)
    except (DatabaseError, InterfaceError) as error:
        raise Away from error
    except (WrongSecret, SecretMistyped) as refusal:
        wait = throttle.wait(claim.match_id, visitor.address)
        raise (TooManyFailures(wait) if wait else refusal) from refusal


async def _prove_adopted(claim: Claim, visitor: Visitor) -> Candidate:
    """Prove an adopted secret, without a queue if this address proved it before. Raises Refused."""
    if wait := throttle.wait(claim.match_id, visitor.address):
        raise TooManyFailures(wait)
    candidates = await _candidates.find(claim.match_id) or ()
    known = proofs.find(claim, visitor.address)
    if known is not None and (proven := authentication.verify_remembered(claim, candidates, known)):
        return proven
    proven = await authentication.verify_adopted(claim, candidates, await _queue_for(visitor, candidates))
    proofs.remember(claim, visitor.address, proven.credential_id)
    return proven


async def _queue_for(visitor: Visitor, candidates: Sequence[Candidate]) -> authentication.Queue:
    """Return the queue of a caller: after a restart nothing is remembered, but the database knows the last address."""
    integration_id = candidates[0].integration_id if candidates else 0
    last = await _last_addresses.find(integration_id)
    is_known = last is not None and network_of(last) == network_of(visitor.address)
    return authentication.acquaintances if is_known else authentication.strangers


async def _admission_of(text: str | None) -> Admission:
    await _running()
    if not text:
        raise NoToken
    try:
        token = tokens.read(text)
        admission = await _admissions.find(token.credential_id)
    except ForgedToken as error:
        raise BadToken(Outcome.TOKEN_FORGED) from error
    except ExpiredToken as error:
        raise BadToken(Outcome.TOKEN_EXPIRED, error.token.integration_id) from error
    except (DatabaseError, InterfaceError) as error:
        raise Away from error
    return _checked(token, admission)


def _checked(token: Token, admission: Admission | None) -> Admission:
    if admission is None or admission.integration_id != token.integration_id:
        raise BadToken(Outcome.TOKEN_VOID)
    if not admission.is_enabled:
        raise BadToken(Outcome.DISABLED, admission.integration_id)
    has_expired = admission.expires_at is not None and admission.expires_at <= shared_now()
    if admission.generation != token.generation or admission.retired_at is not None or has_expired:
        raise BadToken(Outcome.TOKEN_VOID, admission.integration_id)
    return admission


def _find_admissions(credential_ids: Sequence[int]) -> dict[int, Admission]:
    return {admission.credential_id: admission for admission in _by_credential.rows(credential_ids)}


_admissions: Joined[int, Admission] = Joined(_find_admissions, HANDSHAKES_AT_ONCE)


def _note_failure(running: Runtime, claim: Claim, visitor: Visitor, refusal: Refused) -> None:
    # Who has proved the secret guesses nothing: a wrong POSRemoteID or a disabled outlet is not counted.
    if isinstance(refusal, WrongSecret | SecretMistyped):
        throttle.failed(claim.match_id, visitor.address)
    _record_refusal(running, claim, visitor, refusal)


def _record_refusal(running: Runtime, claim: Claim, visitor: Visitor, refusal: Refused) -> None:
    if _is_kept(visitor, refusal.outcome, claim.match_id, refusal.integration_id):
        running.recorder.attempt(_attempt(claim, visitor, refusal.outcome, refusal.integration_id))


def _is_kept(visitor: Visitor, outcome: Outcome, about: object, integration_id: int | None) -> bool:
    """Return whether a refusal is recorded: a flood is sampled per subject and address, per address, and in all."""
    network = network_of(visitor.address)
    if not (_sampler.take((network, outcome, about)) and _of_one_address.take(network)):
        return False
    return _of_all_addresses.take(integration_id is None)


def _attempt(claim: Claim, visitor: Visitor, outcome: Outcome, integration_id: int | None) -> Attempt:
    return Attempt(
        shared_now(),
        Door.AUTH,
        outcome,
        integration_id,
        claim.provider_outlet_id,
        claim.pos_remote_id,
        visitor.address,
        visitor.user_agent,
        claim.detail,
    )
