"""Whether this process can decide about a POS just now."""

from django.db import DatabaseError, InterfaceError

from integrations.pos.access.refusals import Away, Draining
from integrations.relay import runtime
from integrations.relay.runtime import Runtime


async def get_runtime() -> Runtime:
    """Return the runtime. Raises Away while the database is, and Draining."""
    try:
        running = runtime.current() or await runtime.running()
    except (DatabaseError, InterfaceError) as error:
        raise Away from error
    if running.is_draining:
        raise Draining
    return running
