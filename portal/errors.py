"""What the portal answers where no view answers: pages for browsers, JSON below /api/.

A database that is away, or full, is not a fault of the portal.
"""

import json
import sys
from http import HTTPStatus

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

AWAY = (OperationalError, InterfaceError, InternalError)  # a read-only PostgreSQL answers with the last
RETRY_SECONDS = 10
UNREADABLE = "The request cannot be read, or names a host that is not in ALLOWED_HOSTS."
API, POS_API = "/api/", "/api/powerepos/"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 400: an unknown host name, or a request that cannot be read."""
    return _answer(
        request, "400.html", 400, "The request cannot be read, or names a host that is not in ALLOWED_HOSTS."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database cannot do what was asked, else 500. Django calls this inside its `except`."""
    if not isinstance(sys.exc_info()[1], AWAY):
        return _answer(request, "500.html", 500, "The portal has a fault.")
    response = _answer(request, "503.html", 503, "The portal cannot reach its database.")
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _answer(request: HttpRequest, template: str, status: int, words: str) -> HttpResponse:
    path = "/" + request.path.lstrip("/").lower()
    if path.startswith(POS_API):
        return _json({"ErrorMessage": words}, status, "application/json")
    if path.startswith(API):
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": words}
        return _json(problem, status, "application/problem+json")
    # Without the request: what its context processors would ask of the database may be what failed.
    return HttpResponse(render_to_string(template), status=status)


def _json(content: dict[str, object], status: int, content_type: str) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(json.dumps(content), status=status, content_type=content_type, headers=headers)
