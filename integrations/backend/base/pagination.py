"""Cursor pagination. A cursor names the last row that the caller has seen, so added rows do not shift the pages."""

import base64
import binascii
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict

from integrations.backend.base.query import invalid, read_whole_number
from integrations.services.rows.keyset_pages import Order, Source, read_page

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
NOT_VALID = "is not valid; use the `next` link unchanged"

Row = TypeVar("Row", bound=Model)


def page_of(rows: QuerySet[Row], query: QueryDict, *, newest_first: bool) -> tuple[list[Row], int | None]:
    """Return one page in primary-key order, and the last key of the page if more rows follow. Raises Problem."""
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    if "cursor" in query:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": read_cursor(str(query["cursor"]))})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    has_more = len(found) > limit
    return found[:limit], found[limit - 1].pk if has_more else None


def page_from(source: Source, fitting: QuerySet[Row], query: QueryDict) -> tuple[list[Row], int | None]:
    """Return one page, newest first, and the last key of the page if more rows follow. Raises Problem.

    Suitable for ten million rows. A page can be short if few of the rows fit.
    """
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    after = (read_cursor(str(query["cursor"])),) if "cursor" in query else None
    page = read_page([source], fitting=fitting, order=Order(), after=after, size=limit)
    rows = fitting.filter(pk__in=[pk for (pk,) in page.positions]).order_by("-pk")
    return list(rows), page.next[0] if page.next else None


def next_link(path: str, query: QueryDict, after: int | None) -> str | None:
    """Return the URL of the next page: the same query with a cursor; None after the last page."""
    if after is None:
        return None
    kept: list[tuple[str, Any]] = [(name, value) for name, value in query.items() if name != "cursor"]
    return f"{path}?{urlencode([*kept, ('cursor', write_cursor(after))])}"


def write_cursor(pk: int) -> str:
    return base64.urlsafe_b64encode(str(pk).encode()).decode().rstrip("=")


def read_cursor(text: str) -> int:
    """Return the primary key that a cursor names. Raises Problem."""
    try:
        digits = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise invalid("cursor", NOT_VALID) from error
    if not digits.isdigit() or len(digits) > 18:
        raise invalid("cursor", NOT_VALID)
    return int(digits)
