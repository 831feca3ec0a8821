"""How many requests of an outlet are open, and which process has sent them."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, Count, F, Max, QuerySet, UUIDField, Value, When

from integrations.models import Request
from integrations.models.request import OPEN_STATES, State
from integrations.services.requests.request_types import NewRequest
from integrations.services.rows.look_up import LookUp

_SUSPECT = uuid.UUID(int=0)  # instead of a holder: newer requests go first (services/requests/retries.py)
_NOBODY = uuid.UUID(int=1)  # of what has not been sent


@dataclass(slots=True)
class Queue:
    """How many requests of an outlet are open, by the process that has sent them; None: the one that did lost its POS.

    `newest`: the last of those that have not been sent, 0 for none.
    """

    counts: dict[uuid.UUID | None, int] = field(default_factory=dict)
    newest: int = 0

    @property
    def open(self) -> int:
        return sum(self.counts.values())

    def has_sent_elsewhere(self, process_id: uuid.UUID | None) -> bool:
        """Return whether some were sent, and their answers are not awaited by this process."""
        return any(holder not in (process_id, _SUSPECT, _NOBODY) for holder in self.counts)

    def last_before(self, new: NewRequest) -> int | None:
        """Return what `Stored.after` is."""
        return None if self.has_sent_elsewhere(new.socket_at) else self.newest


def queues_of(integration_ids: Iterable[int]) -> Mapping[int, Queue]:
    queues: defaultdict[int, Queue] = defaultdict(Queue)
    for integration_id, holder, count, newest in _queues.rows(list(integration_ids)):
        queues[integration_id].counts[holder] = count
        if holder == _NOBODY:
            queues[integration_id].newest = newest
    return queues


def _count_open(integration_ids: Sequence[int]) -> QuerySet[Request, Any]:
    waiting = Request.objects.filter(integration__in=integration_ids, state__in=OPEN_STATES).order_by()
    # Of what is queued no other column is read: the index has them all, and there may be a thousand.
    is_queued = When(state=State.QUEUED, then=Value(_NOBODY, UUIDField()))
    is_suspect = When(disconnects__gt=0, then=Value(_SUSPECT, UUIDField()))
    holder = Case(is_queued, is_suspect, default=F("sent_by"))
    counted = waiting.annotate(holder=holder).values_list("integration", "holder")
    return counted.annotate(Count("pk"), Max("pk"))


_queues = LookUp(_count_open, int)
