"""Track which process has sent an open request. While the POS may answer, no other process resends the request.

A POS may be connected to two processes for a moment, or two tills may use the same credentials. A process releases its
requests when its connection ends without an answer. Runs in a database thread.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.models import Request, ServerProcess
from integrations.models.clock import shared_now
from integrations.services.requests import sending
from integrations.services.requests.request_types import Waiting

# The time for a process to learn that its connection was replaced (WATCH_INTERVAL), check whether the POS still answers
# on that connection, wait for its answers, and release the unanswered requests (pos/consumer.py).
HELD = timedelta(seconds=8)


def load(integration_id: int, limit: int, process_id: uuid.UUID, opened_at: datetime) -> tuple[list[Waiting], set[int]]:
    """Return the requests of `sending.load_open`, and the primary keys of the ones that another process still holds.

    `opened_at` is when this process's connection to the outlet's POS was opened.
    """
    waiting = sending.load_open(integration_id, limit)
    others = [each for each in waiting if each.sent_by not in (None, process_id)]
    return waiting, _held(others, opened_at) if others else set()


def release(pks: Sequence[int], process_id: uuid.UUID) -> dict[int, bool]:
    """Allow any process to resend these requests, because this process's connection ended before the answers arrived.

    Return True for each of them.
    """
    Request.objects.filter(pk__in=pks, sent_by=process_id).update(sent_by=None)
    return dict.fromkeys(pks, True)


def _held(others: Sequence[Waiting], opened_at: datetime) -> set[int]:
    alive = _alive({each.sent_by for each in others if each.sent_by})
    since = shared_now() - HELD
    held = {each.pk for each in others if each.sent_by in alive and max(opened_at, each.last_sent_at or since) > since}
    for holder in {each.sent_by for each in others if each.pk not in held}:
        free = [each.pk for each in others if each.sent_by == holder and each.pk not in held]
        Request.objects.filter(pk__in=free, sent_by=holder).update(sent_by=None)
    return held


def _alive(process_ids: set[uuid.UUID]) -> set[uuid.UUID]:
    running = ServerProcess.objects.running(shared_now()).filter(pk__in=process_ids)
    return set(running.values_list("pk", flat=True))
