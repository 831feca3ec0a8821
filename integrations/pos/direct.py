"""Serves the auth view straight from ASGI, past Django's handler and middleware.

Those make a thread for each request and do nothing that a POS needs (sessions, CSRF, redirects), and Django's
handler reads a body of any size before the view is asked. So this bounds the body; the view logs its own faults.
"""

import re
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, JsonResponse

from integrations.pos.asgi import App, Receive, Scope, Send
from integrations.pos.urls import AUTH_PATTERN
from integrations.pos.views import AuthView
from integrations.pos.wire import MAX_AUTH_BODY, failure
from integrations.relay import runtime

_is_auth_path = re.compile(AUTH_PATTERN).match
_view = AuthView.as_view()


class ClientLeft(Exception):
    """The client went before its request was whole."""


class BodyTooLarge(Exception):
    """The body is larger than the door takes."""


class PosHttp:
    """Answers the auth endpoint; everything else goes to `django`."""

    def __init__(self, django: App) -> None:
        self._django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime.start_soon()
        if not _is_auth_path(scope["path"].removeprefix("/")):
            await self._django(scope, receive, send)
            return
        try:
            response = await _ask_view(scope, await _read_body(receive))
        except ClientLeft:
            return
        except BodyTooLarge:
            response = _too_large()
        await _send(response, send)


async def _ask_view(scope: Scope, body: bytes) -> HttpResponse:
    response = await _view(ASGIRequest(scope, BytesIO(body)))  # type: ignore[misc]
    return response.render() if hasattr(response, "render") else response  # type: ignore[no-any-return]


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > MAX_AUTH_BODY:
            raise BodyTooLarge
        if not message.get("more_body"):
            return bytes(body)


def _too_large() -> HttpResponse:
    message = f"The request body is larger than {MAX_AUTH_BODY // 1024} KiB."
    return JsonResponse(failure(message), status=413, headers={"Cache-Control": "no-store", "Connection": "close"})


async def _send(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
