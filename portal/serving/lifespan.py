"""Starts and stops the runtime of the process, on servers that support ASGI's lifespan protocol (uvicorn).

daphne does not support this protocol. On daphne, the first request starts the runtime, and the interpreter's exit
stops it (relay/runtime.py).
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, InterfaceError

from integrations.relay import runtime
from integrations.wire.asgi_types import Receive, Scope, Send

BACKGROUND_STOP_SECONDS = 15.0  # time for the background work to end, as part of the whole stop (docs/operations.md)

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
    await _stop()
    await send({"type": "lifespan.shutdown.complete"})


async def _stop() -> None:
    """Stop the runtime. After BACKGROUND_STOP_SECONDS, give up, and log what the tasks of the process wait for."""
    stopping = asyncio.create_task(runtime.stop())
    if not (await asyncio.wait({stopping}, timeout=BACKGROUND_STOP_SECONDS))[0]:
        for task in sorted({" > ".join(_awaiting(task)) for task in asyncio.all_tasks()}):
            logger.error("The background work did not end in time.", extra={"task": task})
        stopping.cancel()


def _awaiting(task: asyncio.Task[Any]) -> Iterator[str]:
    """Yield the names of a task's coroutines, from its outermost one to the one that waits."""
    coroutine: Any = task.get_coro()
    while code := getattr(coroutine, "cr_code", None):
        yield code.co_qualname
        coroutine = coroutine.cr_await
