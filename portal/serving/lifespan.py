"""Starts and stops what runs beside the sockets, on servers that speak ASGI's lifespan (uvicorn).

On daphne, which does not, the first request starts it and the interpreter's exit ends it (relay/runtime.py).
"""

import logging

from django.db import DatabaseError, InterfaceError

from integrations.relay import runtime
from integrations.wire.asgi_types import Receive, Scope, Send

logger = logging.getLogger(__name__)


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the two events of a server's life."""
    await receive()  # lifespan.startup
    try:
        await runtime.running()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The database is away (%s); the first request that finds it back goes on.", error)
    await send({"type": "lifespan.startup.complete"})
    await receive()  # lifespan.shutdown
    await runtime.stop()
    await send({"type": "lifespan.shutdown.complete"})
