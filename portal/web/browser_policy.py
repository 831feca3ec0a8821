"""What a browser may do with our pages: nothing but show them, with scripts and styles of our own.

For every page of Django's; what POSes and the backend are answered goes round it (portal/asgi.py).
"""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Policy = Mapping[str, tuple[str, ...]]

STRICT: Policy = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "form-action": ("'self'", *settings.CSP_FORM_ACTION),
    "frame-ancestors": ("'none'",),
    "base-uri": ("'none'",),
}
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def browser_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add the policy to each answer that has none of its own."""

    def handle(request: HttpRequest) -> HttpResponse:
        return with_policy(get_response(request))

    return handle


def in_words(policy: Policy) -> str:
    """Return a policy as its header spells it."""
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


def with_policy(response: HttpResponse) -> HttpResponse:
    """Return a response with the policy, unless it has one of its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


WORDS = in_words(STRICT)
HEADERS = {"Content-Security-Policy": WORDS, "Permissions-Policy": PERMISSIONS}
