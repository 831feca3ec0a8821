"""Cursor pagination. A cursor names the last row that the caller has seen, so added rows do not shift the pages."""

import base64
import binascii
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import QueryDict

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
NEWEST_FIRST, OLDEST_FIRST = SortOrder(), SortOrder(is_reversed=True)
NOT_VALID = "is not valid; use the `next` link unchanged"

Row = TypeVar("Row", bound=Model)


def page_of(rows: QuerySet[Row], query: QueryDict, *, order: SortOrder) -> tuple[list[Row], Position | None]:
    """Return one page, and the position of its last row if more rows follow. Raises Problem."""
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    found = list(order.sort(rows.filter(order.behind(_after(query, order, rows.model))))[: limit + 1])
    has_more = len(found) > limit
    return found[:limit], _position(found[limit - 1], order) if has_more else None


def page_from(
    source: Source, fitting: QuerySet[Row], query: QueryDict, *, order: SortOrder = NEWEST_FIRST
) -> tuple[list[Row], Position | None]:
    """Return one page, and the position of its last row if more rows follow. Raises Problem.

    Suitable for ten million rows. A page can be short if few of the rows fit.
    """
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    page = read_page([source], fitting=fitting, order=order, after=_after(query, order, fitting.model), size=limit)
    rows = fitting.filter(pk__in=[position[-1] for position in page.positions])
    return list(order.sort(rows)), page.next


def page_answer(request: PlainRequest, results: Any, after: Position | None) -> PlainResponse:
    """Return a page as an answer; the URL of the next one is in `next` and in the Link header (RFC 8288)."""
    link = next_link(request.path, request.query, after)
    response = plain_data({"results": results, "next": link})
    if link:
        response.set_header(b"link", f'<{link}>; rel="next"')
    return response


def next_link(path: str, query: QueryDict, after: Position | None) -> str | None:
    """Return the full URL of the next page: the same query with a cursor; None after the last page."""
    if after is None:
        return None
    kept: list[tuple[str, Any]] = [(name, value) for name, value in query.items() if name != "cursor"]
    return f"{settings.PUBLIC_URL}{quote(path)}?{urlencode([*kept, ('cursor', write_cursor(after))])}"


def write_cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(write_position(position).encode()).decode().rstrip("=")


def read_cursor(text: str, order: SortOrder, model: type[Model]) -> Position:
    """Return the position that a cursor names. Raises Problem."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        return read_position(content, order, model)
    except (ValueError, binascii.Error) as error:
        raise invalid("cursor", NOT_VALID) from error


def _after(query: QueryDict, order: SortOrder, model: type[Model]) -> Position | None:
    return read_cursor(str(query["cursor"]), order, model) if "cursor" in query else None


def _position(row: Model, order: SortOrder) -> Position:
    return tuple(getattr(row, name) for name in order.columns)
