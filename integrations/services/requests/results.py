"""The state of a request, with the POS's answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from integrations.models import Request
from integrations.security.sealing import SealBroken
from integrations.services.requests import contents
from integrations.services.requests.contents import KeptAnswer
from integrations.services.requests.request_types import Result
from integrations.services.rows.sql_query import SqlQuery


@dataclass(slots=True)
class _Ended:
    """The primary key of a request that has ended."""

    pk: int


_ended = SqlQuery(
    _Ended,
    """
    SELECT request.id AS pk
    FROM integrations_request AS request
    WHERE request.id {among} AND NOT request.state {open}
    """,
)


def results(pks: Sequence[int]) -> dict[int, Result]:
    """Return the results of these requests by primary key."""
    rows = Request.objects.defer("payload", "sealed_request").in_bulk(pks)
    return {pk: result_of(row) for pk, row in rows.items()}


def ended(pks: Sequence[int]) -> dict[int, Result]:
    """Return the results of those of these requests that have ended. Reads little of those that are still open."""
    rows = _ended.rows(pks)
    return results([row.pk for row in rows]) if rows else {}


def result_of(row: Request) -> Result:
    """Return a request's state, with the answer exactly as the POS sent it."""
    kept = KeptAnswer(row.error_message, row.answer, row.sealed_answer)
    is_unreadable = False
    try:
        error_message, answer = contents.original_answer(kept)
    except SealBroken:
        error_message, answer, is_unreadable = kept.error_message, None, True
    return replace(readable_result_of(row), error_message=error_message, answer=answer, is_unreadable=is_unreadable)


def readable_result_of(row: Request) -> Result:
    """Return a request's state, with the redacted answer of the POS."""
    standing = (row.uuid, row.pk, row.state, row.failure, row.result_code)
    return Result(*standing, row.error_message, row.answer, row.content_pruned_at)
