"""Reads the events that the caller's key may see. Runs in database threads."""

from typing import Any

from django.db.models import QuerySet

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import OLDEST_FIRST, page_from
from integrations.backend.base.query import HIGHEST_ID, read_choice, read_whole_number
from integrations.backend.outlets.rows import integration_id_of
from integrations.models import Notice
from integrations.models.notices.notice import NoticeKind
from integrations.services.rows.keyset_pages import Position, Stream
from integrations.wire.plain_http import PlainRequest


def events_page(caller: Caller, request: PlainRequest) -> tuple[list[Notice], Position | None]:
    """Return a page of events in the order of the event log. Raises Problem."""
    asked: dict[str, Any] = {}
    if "outlet" in request.query:
        asked["integration"] = integration_id_of(caller, str(request.query["outlet"]))
    if caller.organisation_id is not None:
        asked["organisation"] = caller.organisation_id
    if kind := read_choice(request.query, "kind", NoticeKind.values):
        asked["kind"] = kind
    after = read_whole_number(request.query, "after", 0, HIGHEST_ID) or 0
    rows = Notice.objects.filter(pk__gt=after)
    return page_from(Stream(_indexed(rows, asked)), rows.filter(**asked), request, order=OLDEST_FIRST)


def _indexed(rows: QuerySet[Notice], asked: dict[str, Any]) -> QuerySet[Notice]:
    """Return `rows`, filtered by only the first value in `asked`.

    Each column that `asked` can name has its own index, sorted like the log, and a query can use only one index.
    """
    first = next(iter(asked.items()), None)
    return rows.filter(**dict([first])) if first else rows
