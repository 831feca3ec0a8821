"""Serves the auth view straight from ASGI, past Django's handler and middleware (integrations/asgi.py)."""

from django.http import HttpResponse

from integrations.asgi import BodyTooLarge, ClientLeft, LazyRequest, read_body, send_response
from integrations.pos import errors
from integrations.pos.asgi import App, Receive, Scope, Send
from integrations.pos.urls import AUTH_PATHS
from integrations.pos.views import AuthView
from integrations.pos.wire import MAX_AUTH_BODY
from integrations.relay import runtime


class PosHttp:
    """Answers the auth endpoint; everything else goes to `otherwise`."""

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime.start_soon()
        if scope["path"] not in AUTH_PATHS:
            await self._otherwise(scope, receive, send)
            return
        try:
            body = await read_body(receive, MAX_AUTH_BODY)
            response = await AuthView().dispatch(LazyRequest(scope, body))
        except ClientLeft:
            return
        except BodyTooLarge:
            response = _too_large()
        await send_response(response, send)


def _too_large() -> HttpResponse:
    message = f"The request body is larger than {MAX_AUTH_BODY // 1024} KiB."
    return errors.failure(message, 413, {"connection": "close"})
