"""Rejects requests that no page can answer: those for an unknown host name, and forms not encoded in UTF-8.

It must be the first middleware. If a view or another middleware raised for such a request, Django would log each error
with a traceback, and any scanner can cause thousands.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from integrations.text.characters import printable
from portal.web.errors import bad_request

SHOWN = 100  # at most this many characters of a host name are logged

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


def answerable(get_response: View) -> View:
    """Answer 400 if a request's host is not in ALLOWED_HOSTS or its encoding is not UTF-8."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not _has_our_host(request):
            return bad_request(request)
        # A client can name any of Python's codecs. Some do not decode text, and some fail instead of replacing a
        # character.
        if request.encoding and request.encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            logger.warning("Request rejected: its encoding is not UTF-8.")
            return bad_request(request)
        return get_response(request)

    return handle


def _has_our_host(request: HttpRequest) -> bool:
    if request.path.startswith(settings.STATIC_URL):  # the 400 page needs its style sheet, which is public
        return True
    try:
        request.get_host()
    except DisallowedHost:
        host = printable(request.META.get("HTTP_HOST") or "", SHOWN)
        logger.warning("Request rejected: its host is not in ALLOWED_HOSTS.", extra={"host": host})
        return False
    return True
