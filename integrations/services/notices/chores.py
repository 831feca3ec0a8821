"""What the chores of this package do at each turn (portal/serving/chores.py)."""

from integrations.models.clock import shared_now
from integrations.services.notices import alerts, event_detection
from integrations.services.notices.delivering import Deliverer
from integrations.services.rows.threads import recorders

# Seconds between two turns: how late a webhook is at most, beside the time that an outlet's state needs to settle.
NOTICE_INTERVAL = 2.0
NOTICE_DAYS = 30  # for which events and their deliveries are kept: to find out what a subscriber was told and when

_deliverer: Deliverer | None = None


async def notice() -> None:
    """Look for what endpoints want to be told."""
    await recorders.run(event_detection.turn)


async def deliver() -> None:
    """Send what is due; it goes on after this returns."""
    global _deliverer  # noqa: PLW0603  (one per process, made on its event loop)
    if _deliverer is None:
        _deliverer = Deliverer()
    await _deliverer.turn()


async def end_deliveries() -> None:
    """Cut what is being sent: the process ends."""
    global _deliverer
    ending, _deliverer = _deliverer, None
    if ending is not None:
        await ending.end()


async def watch() -> None:
    """Look for what staff are to be told, and forget what is old."""
    await recorders.run(alerts.turn)
    await recorders.run(event_detection.prune, shared_now(), days=NOTICE_DAYS)
