"""Two tills with the same credentials: each takes the outlet over from the other, so the newcomer has to wait."""

import asyncio
import time

from integrations.models.attempt import Outcome
from integrations.pos import door
from integrations.pos.door import Admission
from integrations.pos.visitors import Visitor
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.services.connections.authentication import Refused

HELD_SECONDS = 5.0  # for which a handshake is delayed at most, before it is refused


class SecondTill(Refused):
    """Refused for `wait` seconds."""

    outcome = Outcome.SECOND_TILL
    message = "Another till is connected with the same credentials. Please remove them from one of the two tills."

    def __init__(self, integration_id: int, wait: float) -> None:
        super().__init__(integration_id=integration_id)
        self.wait = wait


async def admit(token: str | None, visitor: Visitor, origin: str = "") -> Admission:
    """Return what a token opens, later where this connection would take the outlet over too soon. Raises Refused."""
    admission = await door.admit(token, visitor, origin)
    running = runtime.current()
    if running is None or not running.registry.takeovers.wait(admission.integration_id):
        return admission
    if not await _is_taken(running, admission.integration_id):
        return admission
    await _wait_for_turn(running, admission.integration_id, visitor)
    return await door.admit(token, visitor, origin)  # once more: staff may have disabled the outlet meanwhile


async def _wait_for_turn(running: Runtime, integration_id: int, visitor: Visitor) -> None:
    """Delay a handshake until it may take the outlet over. Raises SecondTill where that takes more than HELD_SECONDS.

    A client that retries at once, whatever Retry-After says, is slowed down by the delay all the same.
    """
    takeovers = running.registry.takeovers
    # Recorded before the delay, so that staff see it at once.
    await door.note_refused_socket(SecondTill(integration_id, 0.0), visitor)
    deadline = time.monotonic() + HELD_SECONDS
    # More than once: the last takeover may be counted, or another newcomer may begin, meanwhile.
    while (wait := takeovers.wait(integration_id)) and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(wait, left))
    if wait and await _is_taken(running, integration_id):
        raise SecondTill(integration_id, wait)
    takeovers.begin(integration_id)  # of several that were delayed, one goes on


async def _is_taken(running: Runtime, integration_id: int) -> bool:
    """Return whether this outlet has a connection, here or in another process."""
    return running.registry.find(integration_id) is not None or await running.transient_requests.is_online(
        integration_id
    )
