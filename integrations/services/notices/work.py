"""What the chores of this package do at each turn (portal/serving/chores.py)."""

from django.conf import settings

from integrations.models.clock import shared_now
from integrations.services.notices import alerts, noticing
from integrations.services.notices.delivering import Deliverer
from integrations.services.rows.threads import recorders

_deliverer: Deliverer | None = None


async def notice() -> None:
    """Look for what endpoints want to be told."""
    await recorders.run(noticing.turn)


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
    await recorders.run(noticing.prune, shared_now(), days=settings.NOTICE_DAYS)
