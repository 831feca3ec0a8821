"""Tells the running processes that an integration changed, so that they need not wait for their next look.

The rows are the truth (CONTRIBUTING.md, rule 1): whoever misses a call sees them within WATCH_INTERVAL anyway.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

from integrations.services import metrics

GROUP = "processes"
CHANGED, QUEUED, ENDED = "integration.changed", "request.queued", "request.ended"
ASK, TOLD = "poll.ask", "poll.told"

SEND_SECONDS = 1.0
QUIET_SECONDS = 1.0

logger = logging.getLogger(__name__)
_quiet_until = 0.0
_listeners: list[Callable[[int], None]] = []


def on_commit(integration_id: int) -> None:
    """Wake every process once the transaction is committed."""
    transaction.on_commit(lambda: _wake(integration_id), robust=True)


def listen(listener: Callable[[int], None]) -> None:
    """Call `listener` with an integration's id in whatever thread commits; it must return at once."""
    _listeners.append(listener)


def forget(listener: Callable[[int], None]) -> None:
    """Stop calling `listener`."""
    if listener in _listeners:
        _listeners.remove(listener)


async def tell_others(integration_id: int) -> None:
    """Wake the other processes: staff changed an integration."""
    await tell({"type": CHANGED, "id": integration_id})


async def tell(message: dict[str, Any]) -> bool:
    """Send to every process over the channel layer, within SEND_SECONDS; a process that misses it sees the rows.

    Return False if the layer did not take the message.
    """
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return True  # there is no other process
    return await _send(layer.group_send, GROUP, message)


async def reply(channel: str, message: dict[str, Any]) -> None:
    """Send to one process, on the channel that it named, within SEND_SECONDS; its own timeout ends its waiting."""
    await _send(get_channel_layer().send, channel, message)


async def _send(send: Callable[[str, dict[str, Any]], Awaitable[None]], target: str, message: dict[str, Any]) -> bool:
    """Send, or drop the message and return False when the layer fails or hangs.

    After that nothing is sent for QUIET_SECONDS: each message would wait for its own timeout, and they would pile up.
    """
    global _quiet_until  # noqa: PLW0603  (a process has one layer)
    if time.monotonic() < _quiet_until:
        metrics.layer_losses.inc()
        return False
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send(target, message)
    except Exception as error:  # noqa: BLE001  (whatever the layer's trouble is, the rows say the same a second later)
        _quiet_until = time.monotonic() + QUIET_SECONDS
        metrics.layer_losses.inc()
        logger.warning("A message to other processes was dropped (%s).", error or "no answer from the channel layer")
        return False
    return True


def _wake(integration_id: int) -> None:
    if not _listeners:  # a command at the shell: no process of ours runs in here that would pass it on
        async_to_sync(tell_others)(integration_id)
        return
    for listener in _listeners:
        listener(integration_id)
