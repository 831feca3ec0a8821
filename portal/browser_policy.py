"""What a browser may do with our pages: nothing but show them, with scripts and styles of our own.

For every page of Django's; what POSes and the backend are answered goes round it (portal/asgi.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

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


@sync_and_async_middleware
def browser_policy(get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> object:
    """Add the policy to each answer that has none of its own."""
    if iscoroutinefunction(get_response):

        async def handle_async(request: HttpRequest) -> HttpResponse:
            return _with_policy(await get_response(request))

        return handle_async

    def handle(request: HttpRequest) -> HttpResponse:
        return _with_policy(get_response(request))  # type: ignore[arg-type]

    return handle


def in_words(policy: Policy) -> str:
    """Return a policy as its header spells it."""
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


def _with_policy(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", WORDS)
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response


WORDS = in_words(STRICT)
