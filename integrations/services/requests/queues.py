"""Count an outlet's open requests, grouped by the process that has sent them."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrations.services.requests.request_types import NewRequest
from integrations.services.rows.sql_query import SqlQuery

_SUSPECT = uuid.UUID(int=0)  # pseudo-holder of suspect requests, which are resent after newer requests (retries.py)
_UNSENT = uuid.UUID(int=1)  # pseudo-holder of unsent requests


@dataclass(slots=True)
class _Count:
    """The number of an outlet's open requests with the same holder, and the primary key of the newest."""

    integration_id: int
    holder: uuid.UUID | None
    count: int
    newest: int


# An outlet may have a thousand queued requests, so for these the query reads only columns of the index.
_open_by_holder = SqlQuery(
    _Count,
    """
    SELECT request.integration_id,
        CASE WHEN request.state = 'queued' THEN '00000000000000000000000000000001'
            WHEN request.disconnects > 0 THEN '00000000000000000000000000000000'
            ELSE request.sent_by END AS holder,
        COUNT(*) AS count, MAX(request.id) AS newest
    FROM integrations_request AS request
    WHERE request.integration_id {among} AND request.state {open}
    GROUP BY 1, 2
    """,
)


@dataclass(slots=True)
class Queue:
    """The number of an outlet's open requests, by holder. A holder is usually the process that has sent the request.

    In `counts`, the holder None stands for processes that have lost their connection to the POS. `newest` is the
    primary key of the last unsent request, or 0 if there is none.
    """

    counts: dict[uuid.UUID | None, int] = field(default_factory=dict)
    newest: int = 0

    @property
    def open(self) -> int:
        return sum(self.counts.values())

    def has_sent_elsewhere(self, process_id: uuid.UUID | None) -> bool:
        """Return whether another process, or a connection that was lost, has sent open requests."""
        return any(holder not in (process_id, _SUSPECT, _UNSENT) for holder in self.counts)

    def last_before(self, new: NewRequest) -> int | None:
        """Return the value of `Stored.after` for a new request.

        It is the key of the last unsent request, or 0 if there is none. It is None if requests were sent elsewhere.
        """
        return None if self.has_sent_elsewhere(new.socket_at) else self.newest


def queues_of(integration_ids: Iterable[int]) -> Mapping[int, Queue]:
    """Return the queue of each of these integrations. An integration without open requests has an empty queue."""
    queues: defaultdict[int, Queue] = defaultdict(Queue)
    for each in _open_by_holder.rows(list(integration_ids)):
        queues[each.integration_id].counts[each.holder] = each.count
        if each.holder == _UNSENT:
            queues[each.integration_id].newest = each.newest
    return queues
