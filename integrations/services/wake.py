"""Notify the running processes that an integration changed. They then need not wait for their next poll.

The database is the source of truth (CONTRIBUTING.md, rule 1), so a process that misses a message sees the change
within WATCH_INTERVAL anyway.
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
# The types of messages. They must not change, because processes of the previous version use them too.
CHANGED, QUEUED, ENDED = "integration.changed", "request.queued", "request.ended"
ASK, ANSWERED = "poll.ask", "poll.told"

SEND_SECONDS = 1.0
QUIET_SECONDS = 1.0

logger = logging.getLogger(__name__)
_quiet_until = 0.0
_listeners: list[Callable[[int], None]] = []


def on_commit(integration_id: int) -> None:
    """Wake every process after the transaction is committed."""
    transaction.on_commit(lambda: _wake(integration_id), robust=True)


def listen(listener: Callable[[int], None]) -> None:
    """From now on, call `listener` with the id of each integration that changes, in the thread that commits the change.

    The listener must return immediately.
    """
    _listeners.append(listener)


def forget(listener: Callable[[int], None]) -> None:
    """Stop calling `listener`."""
    if listener in _listeners:
        _listeners.remove(listener)


async def announce_change(integration_id: int) -> None:
    """Notify the other processes that an integration changed."""
    await broadcast({"type": CHANGED, "id": integration_id})


async def broadcast(message: dict[str, Any]) -> bool:
    """Send a message to every process over the channel layer, within SEND_SECONDS.

    Return False if the layer did not accept the message. A process that misses it still polls the rows.
    """
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return True  # no other process exists
    return await _send(layer.group_send, GROUP, message)


async def reply(channel: str, message: dict[str, Any]) -> None:
    """Send a message to the process that waits on this channel. Give up after SEND_SECONDS.

    The waiting process has its own timeout.
    """
    await _send(get_channel_layer().send, channel, message)


async def _send(send: Callable[[str, dict[str, Any]], Awaitable[None]], target: str, message: dict[str, Any]) -> bool:
    """Send a message. If the layer fails or hangs, drop the message and return False.

    After a failure, nothing is sent for QUIET_SECONDS, because messages would pile up if each one waited for its
    timeout.
    """
    global _quiet_until  # noqa: PLW0603  (a process has one layer)
    if time.monotonic() < _quiet_until:
        metrics.layer_losses.inc()
        return False
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send(target, message)
    except Exception as error:  # noqa: BLE001  (polling the rows has the same effect a second later)
        _quiet_until = time.monotonic() + QUIET_SECONDS
        metrics.layer_losses.inc()
        details = {"error": str(error) or "no answer from the channel layer"}
        logger.warning("A message to other processes was dropped.", extra=details)
        return False
    return True


def _wake(integration_id: int) -> None:
    if not _listeners:  # a shell command has no runtime that would pass the message on
        async_to_sync(announce_change)(integration_id)
        return
    for listener in _listeners:
        listener(integration_id)
