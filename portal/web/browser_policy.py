"""Content-Security-Policy and Permissions-Policy: our pages may load only our own scripts, styles and fonts.

The policy applies to every page that Django serves. Answers to POSes and to the backend do not pass through this
middleware (portal/asgi.py).
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
    """Add the policy to each answer that does not set its own."""

    def handle(request: HttpRequest) -> HttpResponse:
        return with_policy(get_response(request))

    return handle


def header_value(policy: Policy) -> str:
    """Return a policy as the value of its header."""
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


def with_policy(response: HttpResponse) -> HttpResponse:
    """Add the policy to a response that does not set its own; return the response."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


STRICT_VALUE = header_value(STRICT)
HEADERS = {"Content-Security-Policy": STRICT_VALUE, "Permissions-Policy": PERMISSIONS}
