"""The page for what went wrong in the portal: a database that is away, or full, is not a fault of the portal."""

import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

AWAY = (OperationalError, InterfaceError, InternalError)  # a read-only PostgreSQL answers with the last
RETRY_SECONDS = 10


def server_error(_request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database cannot do what was asked, else 500. Django calls this inside its `except`."""
    # Without the request: what its context processors would ask of the database may be what failed.
    if not isinstance(sys.exc_info()[1], AWAY):
        return HttpResponse(render_to_string("500.html"), status=500)
    return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": str(RETRY_SECONDS)})
