"""Rejects requests that no page can answer: a host name that is not ours, a form in another encoding than UTF-8.

As the first middleware, before a view or another middleware raises: Django logs each such error with its traceback,
and any scanner can cause thousands.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from integrations.text.characters import printable
from portal.web.errors import bad_request

SHOWN = 100  # characters of a host name

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


def answerable(get_response: View) -> View:
    """Answer 400 to a request for a host that is not in ALLOWED_HOSTS, or in a foreign encoding."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not _has_our_host(request):
            return bad_request(request)
        # The codecs of Python hold some that do not decode text, and some that fail instead of replacing a character.
        if request.encoding and request.encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            logger.warning("Request in an encoding other than UTF-8 rejected.")
            return bad_request(request)
        return get_response(request)

    return handle


def _has_our_host(request: HttpRequest) -> bool:
    if request.path.startswith(settings.STATIC_URL):  # public, and the page that says 400 needs its style
        return True
    try:
        request.get_host()
    except DisallowedHost:
        host = printable(request.META.get("HTTP_HOST") or "", SHOWN)
        logger.warning("Request for an unknown host rejected: %r is not in ALLOWED_HOSTS.", host)
        return False
    return True
