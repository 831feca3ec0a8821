"""Limit retries of requests that may break their POS's connection: resend each alone, a few times, then give up.

Without the limit, a request that breaks the connection would be sent again for ever, together with the outlet's other
requests. Runs in a database thread.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from integrations.models import Request
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.models.request import OPEN_STATES, RequestState
from integrations.services.requests import ending
from integrations.services.requests.request_types import Ending, Result

DISCONNECTS = 5  # after this many disconnects, the request fails
FIRST_PAUSE = timedelta(seconds=0.5)  # pause before a request is sent again; doubles with each further disconnect


def suspect(pks: Sequence[int], reason: CloseReason) -> list[Result]:
    """Count one more disconnect for each of these requests, which a lost connection left unanswered.

    `reason` is why the connection ended. Return the results of the requests that reached DISCONNECTS and so failed.

    A takeover does not count against a request that was sent only once, because the usual cause of a takeover is a
    network failure. Such a request keeps its place in the queue.
    """
    now = shared_now()
    with transaction.atomic():
        rows = Request.objects.select_for_update().filter(pk__in=pks, state__in=OPEN_STATES).order_by("pk")
        found = list(rows.values_list("pk", "disconnects", "times_sent"))
        counts = {pk: count + 1 for pk, count, sent in found if sent > 1 or reason is not CloseReason.REPLACED}
        Request.objects.filter(pk__in=[pk for pk, _, _ in found if pk not in counts]).update(sent_by=None)
        for count in set(counts.values()):
            retried = Request.objects.filter(pk__in=[pk for pk, each in counts.items() if each == count])
            retried.update(disconnects=count, retry_at=now + FIRST_PAUSE * 2 ** (count - 1), sent_by=None)
    failed = [pk for pk, count in counts.items() if count >= DISCONNECTS]
    endings = [Ending(pk, RequestState.FAILED, now, failure=_failure(counts[pk], reason)) for pk in failed]
    return list(ending.end(endings).values()) if endings else []


def _failure(count: int, reason: CloseReason) -> str:
    return f"The POS's connection ended {count} times after this request was sent to it; the last time {reason.label}."
