"""Checks whether this process can currently decide whether to accept a POS."""

from django.db import DatabaseError, InterfaceError

from integrations.pos.access.refusals import PortalRestarting, PortalUnavailable
from integrations.relay import runtime
from integrations.relay.runtime import Runtime


async def get_runtime() -> Runtime:
    """Return the runtime. Raises PortalUnavailable if the database fails, PortalRestarting if the runtime drains."""
    try:
        running = runtime.current() or await runtime.running()
    except (DatabaseError, InterfaceError) as error:
        raise PortalUnavailable from error
    if running.is_draining:
        raise PortalRestarting
    return running
