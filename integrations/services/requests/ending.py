"""End requests as answered, failed, expired or cancelled. Runs in database threads."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from integrations.models import Request
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.request import RequestState
from integrations.services import metrics
from integrations.services.audit import Actor, record
from integrations.services.requests import contents
from integrations.services.requests.request_types import Ending, Result
from integrations.services.requests.results import results
from integrations.services.rows import plain_rows
from integrations.services.rows.sql_query import SqlQuery


@dataclass(slots=True)
class _ToEnd:
    """The columns of an open request that are needed to end it."""

    pk: int
    uuid: uuid.UUID
    received_at: datetime
    sealed_request: str | None


_lock_to_end = SqlQuery(
    _ToEnd,
    """
    SELECT request.id AS pk, request.uuid, request.received_at, request.sealed_request
    FROM integrations_request AS request
    WHERE request.id {among} AND request.state {open}
    ORDER BY request.id {for_update}
    """,
)


def end(endings: Sequence[Ending]) -> dict[Ending, Result]:
    """End requests and return the current result of each. A request that has already ended keeps its first result."""
    with transaction.atomic(savepoint=False):
        still_open = {row.pk: row for row in _lock_to_end.rows([ending.pk for ending in endings])}
        ended = {ending.pk: ending for ending in reversed(endings) if ending.pk in still_open}
        _write_endings([(ending, still_open[pk].sealed_request) for pk, ending in ended.items()])
        transaction.on_commit(partial(_count_ended, still_open.values(), ended), robust=True)
    earlier = [ending.pk for ending in endings if ended.get(ending.pk) is not ending]
    now = results(earlier) if earlier else {}
    # For requests that this call ended, build the results from `endings`: stored results would have to be decrypted.
    done = {ending: Result.of(ending, still_open[pk].uuid) for pk, ending in ended.items()}
    return done | {ending: now[ending.pk] for ending in endings if ending not in done and ending.pk in now}


def expire_due() -> list[int]:
    """End the requests that were not sent or not answered in time. Return their primary keys."""
    now = shared_now()
    due = Q(state=RequestState.QUEUED, send_before__lte=now) | Q(state=RequestState.SENT, answer_before__lte=now)
    ids = list(Request.objects.filter(due).values_list("pk", flat=True)[:500])
    if ids:
        expired = Request.objects.filter(due, pk__in=ids).update(
            state=RequestState.EXPIRED, ended_at=now, sealed_request=None
        )
        metrics.requests_ended[RequestState.EXPIRED].inc(expired)
    return ids


@transaction.atomic
def cancel(request: Request, *, actor: Actor) -> bool:
    """Cancel a request that has not been sent. Return False if it has been sent or has ended."""
    queued = Request.objects.filter(pk=request.pk, state=RequestState.QUEUED)
    cancelled = queued.update(state=RequestState.CANCELLED, ended_at=shared_now(), sealed_request=None)
    if cancelled:
        record(Verb.REQUEST_CANCELLED, request.integration, actor=actor, request_id=request.request_id)
    metrics.requests_ended[RequestState.CANCELLED].inc(cancelled)
    return bool(cancelled)


def _write_endings(endings: Iterable[tuple[Ending, str | None]]) -> None:
    """Store how requests ended, and delete their encrypted originals, which are no longer needed."""
    plain_rows.update_rows(Request, {ending.pk: _changed(ending, sealed) for ending, sealed in endings})


def _changed(ending: Ending, sealed_request: str | None) -> dict[str, Any]:
    asked = contents.secrets_sealed(sealed_request) if ending.error_message or ending.answer else contents.NOTHING
    kept = contents.keep_answer(ending.error_message, ending.answer, asked)
    return {
        "state": ending.state,
        "failure": ending.failure,
        "ended_at": ending.at,
        "result_code": ending.result_code,
        "error_message": kept.error_message,
        "answer": kept.answer,
        "sealed_answer": kept.sealed,
        "sealed_request": None,
    }


def _count_ended(still_open: Iterable[_ToEnd], ended: Mapping[int, Ending]) -> None:
    for row in still_open:
        ending = ended[row.pk]
        metrics.request_ended(ending.state, (ending.at - row.received_at).total_seconds())
