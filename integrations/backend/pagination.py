"""Pages that stay right while rows are added: a cursor names the last row that the caller has seen."""

import base64
import binascii
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict

from integrations.backend.query import invalid, read_whole_number
from integrations.services.rows.keyset_pages import Order, Source, read_page

DEFAULT_LIMIT, MAX_LIMIT = 50, 200

Row = TypeVar("Row", bound=Model)


def page_of(rows: QuerySet[Row], query: QueryDict, *, newest_first: bool) -> tuple[list[Row], int | None]:
    """Return one page in the order of the primary key, and the key behind which the next begins. Raises Problem."""
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    if "cursor" in query:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": read_cursor(str(query["cursor"]))})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    has_more = len(found) > limit
    return found[:limit], found[limit - 1].pk if has_more else None


def page_from(source: Source, fitting: QuerySet[Row], query: QueryDict) -> tuple[list[Row], int | None]:
    """Return the same, the newest first, of rows that may be ten million; not full where what fits is rare.

    Raises Problem.
    """
    limit = read_whole_number(query, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    after = (read_cursor(str(query["cursor"])),) if "cursor" in query else None
    page = read_page([source], fitting=fitting, order=Order(), after=after, size=limit)
    rows = fitting.filter(pk__in=[pk for (pk,) in page.positions]).order_by("-pk")
    return list(rows), page.next[0] if page.next else None


def next_link(path: str, query: QueryDict, after: int | None) -> str | None:
    """Return where the next page is: the same question, from a cursor on."""
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
        raise invalid("cursor", "is none that this portal gave") from error
    if not digits.isdigit() or len(digits) > 18:
        raise invalid("cursor", "is none that this portal gave")
    return int(digits)
