"""Starts and stops the runtime of the process, on servers that support ASGI's lifespan protocol (uvicorn).

daphne does not support it: there, the first request starts the runtime and the interpreter's exit stops it
(relay/runtime.py).
"""

import logging

from django.db import DatabaseError, InterfaceError

from integrations.relay import runtime
from integrations.wire.asgi_types import Receive, Scope, Send

logger = logging.getLogger(__name__)


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ASGI's startup and shutdown events."""
    await receive()  # lifespan.startup
    try:
        await runtime.running()
    except (DatabaseError, InterfaceError) as error:
        details = {"error": str(error)}
        logger.warning("Database unavailable at startup; the next request tries again.", extra=details)
    await send({"type": "lifespan.startup.complete"})
    await receive()  # lifespan.shutdown
    await runtime.stop()
    await send({"type": "lifespan.shutdown.complete"})
