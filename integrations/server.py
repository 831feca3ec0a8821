"""The production server: uvicorn, with a drain."""

import asyncio
import logging
import socket

import uvicorn
from django.conf import settings

from integrations.models.connection import CloseReason
from integrations.pos.wire import MAX_FRAME
from integrations.relay import runtime

# The kernel's queue of connections that wait for accept(); with the usual 100 a storm loses some.
BACKLOG = 4096
GRACE = 10  # seconds for answers in flight, after the drain

logger = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """On SIGTERM: not ready, nobody new, each socket closed within DRAIN_SECONDS, records written, exit."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await drain(settings.DRAIN_SECONDS)
        await super().shutdown(sockets)


def make_server() -> DrainingServer:
    """Return the server, ready to serve `portal.asgi` on a socket that is given to it."""
    config = uvicorn.Config(
        "portal.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_ping_interval=settings.POS_PING_INTERVAL,
        ws_ping_timeout=settings.POS_PING_TIMEOUT,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        lifespan="on",
        access_log=False,
        log_config=None,  # Django's logging, with its redaction, stands
        proxy_headers=False,  # portal.asgi judges them, for every server alike
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    return DrainingServer(config)


async def drain(seconds: float) -> None:
    """Close every POS's socket with the restart code, spread over `seconds`, so that they come back spread."""
    running = runtime.current()
    if running is None:
        return
    running.is_draining = True
    sockets = list(running.registry)
    logger.info("Draining: %d connections close within %g s.", len(sockets), seconds)
    for position, live in enumerate(sockets):
        live.socket.close_soon(CloseReason.RESTART)
        if position + 1 < len(sockets):
            await asyncio.sleep(seconds / len(sockets))
