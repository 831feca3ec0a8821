"""The periodic chores of this package. portal/serving/chores.py schedules them."""

from integrations.models.clock import shared_now
from integrations.services.notices import alerts, event_detection
from integrations.services.notices.delivering import Deliverer
from integrations.services.rows.threads import recorders

# Seconds between two runs of notice(), and of deliver(). Each can delay a webhook by this time. Events about
# an outlet's presence are also delayed by OUTLET_GRACE.
NOTICE_INTERVAL = 2.0
NOTICE_DAYS = 30  # days for which events and deliveries are kept, so a receiver that was down can catch up

_deliverer: Deliverer | None = None


async def notice() -> None:
    """Detect new events that have subscribers."""
    await recorders.run(event_detection.poll)


async def deliver() -> None:
    """Start to send the due deliveries. Sending continues after this returns."""
    global _deliverer  # noqa: PLW0603  (one per process, created on its event loop)
    if _deliverer is None:
        _deliverer = Deliverer()
    await _deliverer.start_due()


async def end_deliveries() -> None:
    """Cancel all sending. Called when the process ends."""
    global _deliverer
    ending, _deliverer = _deliverer, None
    if ending is not None:
        await ending.end()


async def watch() -> None:
    """Update the alerts, and delete old events."""
    await recorders.run(alerts.update)
    await recorders.run(event_detection.prune, shared_now(), days=NOTICE_DAYS)
