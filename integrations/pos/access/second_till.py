"""Slows down two tills with the same credentials, which would otherwise keep disconnecting each other."""

import asyncio
import time

from integrations.pos.access import admission as admissions
from integrations.pos.access import attempt_recording
from integrations.pos.access.admission import Admission
from integrations.pos.access.refusals import SecondTill
from integrations.pos.access.visitors import Visitor
from integrations.relay import runtime
from integrations.relay.runtime import Runtime

HELD_SECONDS = 5.0  # seconds for which a handshake is delayed before it is refused


async def admit(token: str | None, visitor: Visitor, origin: str = "") -> Admission:
    """Return a token's admission; wait first if it is too soon to replace the outlet's connection. Raises Refused."""
    admission = await admissions.admit(token, visitor, origin)
    running = runtime.current()
    if running is None or not running.registry.takeovers.wait(admission.integration_id):
        return admission
    if not await _is_taken(running, admission.integration_id):
        return admission
    await _wait_for_turn(running, admission.integration_id, visitor)
    return await admissions.admit(token, visitor, origin)  # check again, because staff may have disabled the outlet


async def _wait_for_turn(running: Runtime, integration_id: int, visitor: Visitor) -> None:
    """Delay a handshake until it may replace the outlet's connection, or raise SecondTill after HELD_SECONDS.

    The delay also slows down clients that ignore Retry-After.
    """
    takeovers = running.registry.takeovers
    # Record the attempt before the delay, so that staff see it immediately.
    await attempt_recording.record_refused_socket(SecondTill(integration_id, 0.0), visitor)
    deadline = time.monotonic() + HELD_SECONDS
    # Check repeatedly, because the delay can grow: another takeover may happen, and a takeover is not counted until the
    # replaced POS has answered a ping or the close frame.
    while (wait := takeovers.wait(integration_id)) and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(wait, left))
    if wait and await _is_taken(running, integration_id):
        raise SecondTill(integration_id, wait)
    takeovers.begin(integration_id)  # restart the delay, so the outlet's other delayed handshakes keep waiting


async def _is_taken(running: Runtime, integration_id: int) -> bool:
    """Return whether this outlet has a connection, here or in another process."""
    return running.registry.find(integration_id) is not None or await running.transient_requests.is_online(
        integration_id
    )
