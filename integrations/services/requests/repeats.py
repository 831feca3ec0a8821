"""Recognise a RequestID that was used before, and return its request if the content is the same."""

import hmac
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from integrations.models import Request
from integrations.services.requests import contents
from integrations.services.requests.contents import KeyGone
from integrations.services.requests.request_types import (
    NewRequest,
    NotComparable,
    NotCompared,
    NotStored,
    OtherContent,
    OtherKey,
    Stored,
)
from integrations.services.rows import plain_rows
from integrations.services.rows.sql_query import SqlQuery

# For each request, at most this many attempts with different contents are compared. A caller that repeats its own
# request makes no such attempt. A caller that makes many may be guessing a PIN that is redacted on the page.
UNEQUAL_ATTEMPTS = 5


@dataclass(slots=True)
class Earlier:
    """A stored request that was found by its RequestID."""

    integration_id: int
    request_id: str
    pk: int
    uuid: uuid.UUID


_by_request_id = SqlQuery(
    Earlier,
    """
    SELECT request.integration_id, request.request_id, request.id AS pk, request.uuid
    FROM integrations_request AS request
    WHERE request.integration_id {among} AND request.request_id {among}
    """,
)


def seen(new: Sequence[NewRequest]) -> dict[NewRequest, bool]:
    """Return True for each new request that has the RequestID of a stored one; leave out the others. Writes nothing."""
    known = {(row.integration_id, row.request_id) for row in find_earlier(new)}
    return {each: True for each in new if (each.integration_id, each.request_id) in known}


def repeated(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Map each request with a repeated RequestID to the stored request, or to the reason for not disclosing it."""
    return compare_with(find_earlier(new), new)


def find_earlier(new: Sequence[NewRequest]) -> list[Earlier]:
    """Return the rows with any of these outlets and any of these RequestIDs: a superset of the exact pairs."""
    return _by_request_id.rows([each.integration_id for each in new], [each.request_id for each in new])


def compare_with(rows: Iterable[Earlier], new: Iterable[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Compare requests with the rows of the same RequestIDs; return the same mapping as `repeated`."""
    known = {(row.integration_id, row.request_id): row.pk for row in rows}
    earlier = {
        each: known[each.integration_id, each.request_id]
        for each in new
        if (each.integration_id, each.request_id) in known
    }
    return _compared(earlier) if earlier else {}


def _compared(earlier: Mapping[NewRequest, int]) -> dict[NewRequest, Stored | NotStored]:
    """Compare requests with the rows that have their RequestIDs, and count unequal attempts.

    The rows stay locked, so concurrent calls, in any process, cannot exceed the limit of comparisons.
    """
    with transaction.atomic(savepoint=False):
        rows = Request.objects.select_for_update(no_key=True).filter(pk__in=set(earlier.values())).order_by("pk")
        locked = {row.pk: row for row in rows.only("uuid", "api_key", "content_digest", "unequal_attempts")}
        before = {pk: row.unequal_attempts for pk, row in locked.items()}
        outcomes = {new: _same_or_other(new, locked[pk]) for new, pk in earlier.items() if pk in locked}
        now = {pk: row.unequal_attempts for pk, row in locked.items()}
        counted = {pk: {"unequal_attempts": count} for pk, count in now.items() if count != before[pk]}
        plain_rows.update_rows(Request, counted)
    return outcomes


def _same_or_other(new: NewRequest, row: Request) -> Stored | NotStored:
    if new.api_key_id != row.api_key_id:
        return OtherKey()
    if row.unequal_attempts >= UNEQUAL_ATTEMPTS:
        return NotCompared()
    try:
        is_same = is_same_content(new, row.content_digest)
    except KeyGone:
        return NotComparable()
    if is_same:
        return Stored(row.pk, row.uuid, is_new=False)
    row.unequal_attempts += 1
    return OtherContent()


def is_same_content(new: NewRequest, digest: str) -> bool:
    """Return whether a digest is of the new request's content. Raises KeyGone."""
    return hmac.compare_digest(digest, new.content_digest) or contents.is_digest_of(digest, new.content)
