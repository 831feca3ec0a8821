"""Records attempts to authenticate or connect, and samples them during a flood."""

from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.clock import shared_now
from integrations.pos.access import availability
from integrations.pos.access.refusals import WrongPath
from integrations.pos.access.visitors import Visitor
from integrations.pos.limits.throttle import Sampler
from integrations.relay import runtime
from integrations.relay.records.attempt_records import Attempt
from integrations.relay.runtime import Runtime
from integrations.security.redaction import redact
from integrations.services import metrics
from integrations.services.connections.authentication import Claim
from integrations.services.connections.errors import Refused
from integrations.text.characters import printable, show_hidden
from integrations.text.client_address import network_of

_sampler = Sampler()
_of_one_address = Sampler(burst=200)  # counts all IDs together, because a caller can invent a new ID for each attempt
# Counts all addresses together. Attempts of known outlets count separately, so a flood cannot hide them.
_of_all_addresses = Sampler(burst=400)


async def record_refused_socket(refusal: Refused, visitor: Visitor, detail: str = "") -> None:
    """Record why a handshake was refused."""
    metrics.handshakes_refused[refusal.outcome].inc()
    attempt = Attempt(shared_now(), PosEndpoint.WEBSOCKET, refusal.outcome, refusal.integration_id, detail=detail[:300])
    attempt.address, attempt.user_agent = visitor.address, visitor.user_agent
    await _record(attempt, about=refusal.integration_id)


async def record_malformed(visitor: Visitor, detail: str, claim: Claim) -> None:
    """Record a malformed request. The record contains the IDs in `claim`."""
    attempt = authentication_attempt(claim, visitor, Outcome.MALFORMED, None)
    attempt.detail = detail
    await _record(attempt, about="")


async def record_misdirected(refusal: WrongPath, visitor: Visitor, path: str, claim: Claim) -> None:
    """Record an authentication that was sent to a wrong path. The record contains the IDs in `claim`, if any."""
    attempt = authentication_attempt(claim, visitor, refusal.outcome, None)
    attempt.detail = f"{path_detail(path)} {attempt.detail}"[:300].strip()
    await _record(attempt, about="")


def path_detail(path: str) -> str:
    """Return the text for staff about a wrong path: printable, redacted, at most 300 characters."""
    return f"The path was {show_hidden(printable(redact(path), 200))}"[:300]


def record_refusal(running: Runtime, claim: Claim, visitor: Visitor, refusal: Refused) -> None:
    """Record why an authentication was refused."""
    attempt = authentication_attempt(claim, visitor, refusal.outcome, refusal.integration_id)
    attempt.cause = refusal.cause or ""
    if _is_kept(attempt, claim.match_id):
        running.recorder.record(attempt)


def authentication_attempt(claim: Claim, visitor: Visitor, outcome: Outcome, integration_id: int | None) -> Attempt:
    """Create the record of an attempt to authenticate."""
    return Attempt(
        shared_now(),
        PosEndpoint.AUTH,
        outcome,
        integration_id,
        provider_outlet_id=claim.provider_outlet_id,
        pos_remote_id=claim.pos_remote_id,
        address=visitor.address,
        user_agent=visitor.user_agent,
        detail=claim.detail,
    )


async def _record(attempt: Attempt, *, about: object) -> None:
    try:
        running: Runtime | None = await availability.get_runtime()
    except Refused:
        running = runtime.current()
    if running is not None and _is_kept(attempt, about):
        running.recorder.record(attempt)


def _is_kept(attempt: Attempt, about: object) -> bool:
    """Return whether to record a refusal: a flood is sampled per subject and address, per address, and in total."""
    network = network_of(attempt.address)
    if not (_sampler.take((network, attempt.outcome, about)) and _of_one_address.take(network)):
        return False
    return _of_all_addresses.take(attempt.integration_id is None)
