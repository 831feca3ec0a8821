"""Cursor pagination. A cursor names the last row that the caller has seen, so added rows do not shift the pages.

A cursor also contains a digest of its list. A cursor from another list is refused, because it would point to an
arbitrary row.
"""

import base64
import hashlib
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db.models import Model, QuerySet

from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.problems import invalid
from integrations.backend.base.query import read_whole_number
from integrations.services.rows.keyset_pages import (
    Position,
    SortOrder,
    Source,
    read_page,
    read_position,
    write_position,
)
from integrations.wire.plain_http import PlainRequest, PlainResponse

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
DIGEST_LENGTH = 8  # characters; long enough that no two lists of a caller share a digest by chance
NEWEST_FIRST, OLDEST_FIRST = SortOrder(), SortOrder(is_reversed=True)
NOT_VALID = "is not valid in this list; use the `next` link unchanged, or omit `cursor` to start with the first page"

Row = TypeVar("Row", bound=Model)


def page_of(rows: QuerySet[Row], request: PlainRequest, *, order: SortOrder) -> tuple[list[Row], Position | None]:
    """Return one page, and the position of its last row if more rows follow. Raises Problem."""
    limit = read_whole_number(request.query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    found = list(order.sort(rows.filter(order.behind(_after(request, order, rows.model))))[: limit + 1])
    has_more = len(found) > limit
    return found[:limit], _position(found[limit - 1], order) if has_more else None


def page_from(
    source: Source, fitting: QuerySet[Row], request: PlainRequest, *, order: SortOrder = NEWEST_FIRST
) -> tuple[list[Row], Position | None]:
    """Return one page, and the position of its last row if more rows follow. Raises Problem.

    Suitable for ten million rows. A page can be short if few rows match `fitting`.
    """
    limit = read_whole_number(request.query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    page = read_page([source], fitting=fitting, order=order, after=_after(request, order, fitting.model), size=limit)
    rows = fitting.filter(pk__in=[position[-1] for position in page.positions])
    return list(order.sort(rows)), page.next


def page_answer(request: PlainRequest, results: Any, after: Position | None) -> PlainResponse:
    """Return a page as an answer; the URL of the next one is in `next` and in the Link header (RFC 8288)."""
    link = _next_link(request, after)
    response = plain_data({"results": results, "next": link})
    if link:
        response.set_header(b"link", f'<{link}>; rel="next"')
    return response


def _next_link(request: PlainRequest, after: Position | None) -> str | None:
    """Return the full URL of the next page, with the same query and a new cursor, or None if this page is the last."""
    if after is None:
        return None
    kept: list[tuple[str, Any]] = [(name, value) for name, value in request.query.items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", _write_cursor(request, after))])
    return f"{settings.PUBLIC_URL}{quote(request.path)}?{query}"


def _write_cursor(request: PlainRequest, position: Position) -> str:
    content = _list_of(request) + write_position(position)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _after(request: PlainRequest, order: SortOrder, model: type[Model]) -> Position | None:
    """Return the position in the call's cursor, or None if the call has no cursor. Raises Problem."""
    text = request.query.get("cursor")
    if text is None:
        return None
    with suppress(ValueError):
        content = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        if content.startswith(list_ := _list_of(request)):
            return read_position(content.removeprefix(list_), order, model)
    raise invalid("cursor", NOT_VALID)


def _list_of(request: PlainRequest) -> str:
    """Return a digest of a list's path and filters. It excludes `limit`, which may change from page to page."""
    filters = sorted((name, value) for name, value in request.query.items() if name not in {"limit", "cursor"})
    return hashlib.sha256(f"{request.path}?{urlencode(filters)}".encode()).hexdigest()[:DIGEST_LENGTH]


def _position(row: Model, order: SortOrder) -> Position:
    return tuple(getattr(row, name) for name in order.columns)
