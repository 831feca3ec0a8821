"""A RequestID that was used before: the request that it stands for, if the content is the same."""

import hmac
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

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
from integrations.services.rows.look_up import LookUp

# The RequestID's owner needs none of them: what tries more contents looks for a PIN that was left out of a page.
UNEQUAL_ATTEMPTS = 5


def seen(new: Sequence[NewRequest]) -> dict[NewRequest, bool]:
    """Return True for those whose RequestID may have been used before; only reads."""
    known = {(integration, request_id) for integration, request_id, *_ in rows_like(new)}
    return {each: True for each in new if (each.integration_id, each.request_id) in known}


def repeated(new: Sequence[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    """Return those whose RequestID was used before: the request that it stands for, or why that is not told."""
    return repeated_in(rows_like(new), new)


def rows_like(new: Sequence[NewRequest]) -> Sequence[Sequence[Any]]:
    """Return what stands under the RequestIDs of these requests, and of others of the same outlets."""
    return list(_by_request_id.rows([each.integration_id for each in new], [each.request_id for each in new]))


def repeated_in(rows: Iterable[Sequence[Any]], new: Iterable[NewRequest]) -> dict[NewRequest, Stored | NotStored]:
    known = {(integration, request_id): pk for integration, request_id, pk, _ in rows}
    earlier = {
        each: known[each.integration_id, each.request_id]
        for each in new
        if (each.integration_id, each.request_id) in known
    }
    return _compared(earlier) if earlier else {}


def _compared(earlier: Mapping[NewRequest, int]) -> dict[NewRequest, Stored | NotStored]:
    """Compare requests with the rows that have their RequestIDs, and count what is unequal.

    Locked meanwhile: however many ask at the same moment, in whatever process, no more are compared than may be.
    """
    with transaction.atomic():
        rows = Request.objects.select_for_update(no_key=True).filter(pk__in=set(earlier.values())).order_by("pk")
        locked = {row[0]: _Earlier(*row) for row in rows.values_list(*_EARLIER)}
        outcomes = {new: _same_or_other(new, locked[pk]) for new, pk in earlier.items() if pk in locked}
        counted = [(row.pk, row.unequal_attempts) for row in locked.values() if row.has_changed]
        plain_rows.update(Request, ("unequal_attempts",), counted)
    return outcomes


def _same_or_other(new: NewRequest, row: "_Earlier") -> Stored | NotStored:
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
    row.has_changed = True
    return OtherContent()


def is_same_content(new: NewRequest, digest: str) -> bool:
    """Return whether a digest is that of what is asked. Raises KeyGone."""
    return hmac.compare_digest(digest, new.content_digest) or contents.is_digest_of(digest, new.content)


@dataclass(slots=True)
class _Earlier:
    """A request whose RequestID came again."""

    pk: int
    uuid: uuid.UUID
    api_key_id: int | None
    content_digest: str
    unequal_attempts: int
    has_changed: bool = False


_EARLIER = ("pk", "uuid", "api_key", "content_digest", "unequal_attempts")


def _rows_by_request_id(integration_ids: Sequence[int], request_ids: Sequence[str]) -> QuerySet[Request, Any]:
    """Return the rows of these integrations with these RequestIDs: more than the pairs, and no others are asked for."""
    rows = Request.objects.filter(integration__in=integration_ids, request_id__in=request_ids).order_by()
    return rows.values_list("integration", "request_id", "pk", "uuid")


_by_request_id = LookUp(_rows_by_request_id, int, str)
