"""Tells the running processes that an integration changed, so that they need not wait for their next look.

The rows are the truth (design rule 1): whoever misses a call sees them within WATCH_INTERVAL anyway.
"""

import logging
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

from integrations import metrics

GROUP = "processes"
CHANGED, QUEUED, ENDED = "integration.changed", "request.queued", "request.ended"
ASK, TOLD = "poll.ask", "poll.told"

logger = logging.getLogger(__name__)
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


async def tell(message: dict[str, Any]) -> None:
    """Send to every process over the channel layer; a layer that is away costs them a second, no more."""
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return
    try:
        await layer.group_send(GROUP, message)
    except Exception as error:  # noqa: BLE001  (whatever the layer's trouble is: the watchers will see the row)
        metrics.layer_losses.inc()
        logger.warning("The channel layer is away (%s); other processes see the change a second later.", error)


async def reply(channel: str, message: dict[str, Any]) -> None:
    """Send to one process, on the channel that it named; it does without when the layer is away, or its queue full."""
    layer = get_channel_layer()
    try:
        await layer.send(channel, message)
    except Exception as error:  # noqa: BLE001  (whatever the layer's trouble is: who asked stops waiting in time)
        metrics.layer_losses.inc()
        logger.warning("An answer did not reach the process that asked (%s).", error)


def _wake(integration_id: int) -> None:
    if not _listeners:  # a command at the shell: no process of ours runs in here that would pass it on
        async_to_sync(tell_others)(integration_id)
        return
    for listener in _listeners:
        listener(integration_id)
