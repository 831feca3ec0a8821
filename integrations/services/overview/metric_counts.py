"""Counts of rows in the whole installation, for /metrics. Runs in a database thread."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from integrations.models import Integration, Presence, Request
from integrations.models.clock import shared_now
from integrations.models.request import OPEN_STATES, RequestState


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the whole installation; `oldest_queued` is None if no request is queued."""

    open_requests: dict[str, int]
    oldest_queued: datetime | None
    enabled: int
    online: int


def read_figures() -> Figures:
    """Return the current counts, from a few indexed queries."""
    is_open = Request.objects.filter(state__in=OPEN_STATES).order_by()
    counts = dict(is_open.values_list("state").annotate(Count("pk")))
    queued = Request.objects.filter(state=RequestState.QUEUED).order_by()
    return Figures(
        open_requests={str(state): counts.get(state, 0) for state in OPEN_STATES},
        oldest_queued=queued.aggregate(Min("received_at"))["received_at__min"],
        enabled=Integration.objects.filter(is_enabled=True).count(),
        online=Presence.objects.online(shared_now()).count(),
    )
