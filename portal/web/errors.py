"""Answers errors that occur outside a view.

On a path of the API or of the POS's endpoint, the answer has the format that is used there. On any other path, it is a
page for a browser. A database that is unavailable or full gives 503, because that is not an error in the portal.
"""

import logging
import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import page_not_found

from integrations.backend.base import problems
from integrations.backend.base.problems import ProblemKind
from portal.web import refusals_by_path
from portal.web.page_run import is_abandoned

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError, InternalError)  # InternalError: PostgreSQL is read-only
RETRY_SECONDS = 10
UNANSWERABLE = "Its host is not in ALLOWED_HOSTS, or it is not encoded in UTF-8. Check the address and the encoding."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Return 400 for a request whose host name is unknown, or that cannot be read."""
    return refusal(request.path, str(request.method), "400.html", problems.MALFORMED, UNANSWERABLE)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 404 for a path that has neither a page nor an API call."""
    answer = refusals_by_path.for_machine(request.path, str(request.method), problems.NOT_FOUND, "Check the path.")
    return answer.for_django() if answer else page_not_found(request, exception or Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 503 if the database caused the error, otherwise 500. Django calls this inside its `except` block."""
    path, method = request.path, str(request.method)
    error = sys.exc_info()[1]
    if not isinstance(error, AWAY):
        return refusal(path, method, "500.html", problems.FAULT, "See its log. Please try again later.")
    response = refusal(path, method, "503.html", problems.DATABASE_AWAY, "Please try again shortly.")
    response["Retry-After"] = str(RETRY_SECONDS)
    if not is_abandoned():
        log_outage(path, str(error).partition("\n")[0])
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001  (else Django logs a traceback)
    return response


def log_outage(path: str, reason: str) -> None:
    """Log that pages got a 503 because of the database: at most one line a minute."""
    details = {"path": path, "error": reason, "most_in_a_period": 1}
    logger.warning("Answered 503 because of the database.", extra=details)


def refusal(path: str, method: str, template: str, kind: ProblemKind, detail: str) -> HttpResponse:
    """Return an answer in the format of the API or the POS's endpoint if the path is theirs, otherwise a page."""
    # The page is rendered without the request, because context processors would query the database, which may have
    # failed.
    answer = refusals_by_path.for_machine(path, method, kind, detail)
    return answer.for_django() if answer else HttpResponse(render_to_string(template), status=kind.status)
