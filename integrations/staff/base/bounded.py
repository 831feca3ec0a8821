"""Wraps every admin page: refuses invalid lookups in its URL, and limits the duration of its database statements."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import DatabaseError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse

from integrations.staff.base.lookups import LookupRefused

STATEMENT_MILLISECONDS = 5_000  # far above what any statement of a page needs
QUERY_CANCELED = "57014"

logger = logging.getLogger(__name__)


def bounded(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    """Return a view that refuses invalid lookups and stops slow database statements.

    This includes the statements that run while the response is rendered: a list runs its queries then.
    """

    @wraps(view)
    def within(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with _statements_bounded():
                response: HttpResponseBase = view(request, *args, **kwargs)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response
        except LookupRefused as refusal:
            return _say(request, "admin/refused_address.html", 400, reason=str(refusal))
        except OperationalError as error:
            if not _is_canceled(error):
                raise
            logger.warning("Database statement of a staff page timed out.", extra={"path": request.path})
            return _say(request, "admin/too_slow.html", 503)

    return within


@contextmanager
def _statements_bounded() -> Iterator[None]:
    """Set PostgreSQL's statement timeout. SQLite has none; the allowed lookups are not slow there."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {STATEMENT_MILLISECONDS}")
    try:
        yield
    finally:
        _reset()


def _reset() -> None:
    """Reset the connection's timeout, or close the connection if that fails."""
    if connection.connection is None:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
    except DatabaseError:
        connection.close()


def _is_canceled(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED


def _say(request: HttpRequest, template: str, status: int, **context: str) -> HttpResponse:
    return render(request, template, {"path": request.path, **context}, status=status)
