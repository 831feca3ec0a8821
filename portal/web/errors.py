"""What the portal answers where no view answers: pages for browsers, the API's and the POS's formats on their paths.

A database that is away, or full, is not a fault of the portal.
"""

import logging
import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import page_not_found

from integrations.backend import problems
from integrations.backend.problems import Kind
from portal.web import refusals
from portal.web.page_run import is_given_up

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError, InternalError)  # a read-only PostgreSQL answers with the last
RETRY_SECONDS = 10
UNANSWERABLE = "It names a host that is not in ALLOWED_HOSTS, or it is not in UTF-8. Check the address that you ask."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 400: an unknown host name, or a request that cannot be read."""
    return refusal(request.path, str(request.method), "400.html", problems.MALFORMED, UNANSWERABLE)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404: no page and no call is at this path."""
    answer = refusals.for_machine(request.path, str(request.method), problems.NOT_FOUND, "Check the path.")
    return answer.for_django() if answer else page_not_found(request, exception or Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database cannot do what was asked, else 500. Django calls this inside its `except`."""
    path, method = request.path, str(request.method)
    error = sys.exc_info()[1]
    if not isinstance(error, AWAY):
        return refusal(path, method, "500.html", problems.FAULT, "Its log says more. Please try again later.")
    response = refusal(path, method, "503.html", problems.DATABASE_AWAY, "Please try again shortly.")
    response["Retry-After"] = str(RETRY_SECONDS)
    if not is_given_up():
        note_away(path, str(error).partition("\n")[0])
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001  (by Django, with a traceback each)
    return response


def note_away(path: str, reason: str) -> None:
    """Log that pages were answered by 503 because of the database: one line a minute, however many there are."""
    logger.warning("Answered 503 to %s: %s.", path, reason, extra={"most_in_a_period": 1})


def refusal(path: str, method: str, template: str, kind: Kind, detail: str) -> HttpResponse:
    """Return a page for a browser; below the API, and where a POS authenticates, the answer that those read."""
    # Without the request: what its context processors would ask of the database may be what failed.
    answer = refusals.for_machine(path, method, kind, detail)
    return answer.for_django() if answer else HttpResponse(render_to_string(template), status=kind.status)
