"""The state of a request, with the POS's answer."""

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import QuerySet

from integrations.models import Request
from integrations.models.request import OPEN_STATES
from integrations.security.sealing import SealBroken
from integrations.services.requests import contents
from integrations.services.requests.contents import KeptAnswer
from integrations.services.requests.request_types import Result


def results(pks: Sequence[int]) -> dict[int, Result]:
    """Return the results of these requests by primary key."""
    return _results_among(Request.objects.all(), pks)


def ended(pks: Sequence[int]) -> dict[int, Result]:
    """Return the results of the ended requests among these."""
    return _results_among(Request.objects.exclude(state__in=OPEN_STATES), pks)


def result_of(row: Request) -> Result:
    """Return a request's state, with the answer exactly as the POS sent it."""
    kept = KeptAnswer(error_message=row.error_message, answer=row.answer, sealed=row.sealed_answer)
    is_unreadable = False
    try:
        error_message, answer = contents.original_answer(kept)
    except SealBroken:
        error_message, answer, is_unreadable = kept.error_message, None, True
    return replace(readable_result_of(row), error_message=error_message, answer=answer, is_unreadable=is_unreadable)


def readable_result_of(row: Request) -> Result:
    """Return a request's state, with the redacted answer of the POS."""
    return Result(
        uuid=row.uuid,
        pk=row.pk,
        state=row.state,
        failure=row.failure,
        result_code=row.result_code,
        error_message=row.error_message,
        answer=row.answer,
        pruned_at=row.content_pruned_at,
    )


def _results_among(requests: QuerySet[Request], pks: Sequence[int]) -> dict[int, Result]:
    rows = requests.defer("payload", "sealed_request").in_bulk(pks)
    return {pk: result_of(row) for pk, row in rows.items()}
