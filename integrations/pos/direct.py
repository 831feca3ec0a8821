"""Serves the auth view straight from ASGI, past Django's handler and middleware (integrations/wire/asgi.py)."""

from integrations.pos import errors
from integrations.pos.access import attempts
from integrations.pos.access.visitors import visitor_of
from integrations.pos.paths import is_auth, is_near_auth
from integrations.pos.views import AuthView, MisdirectedView
from integrations.pos.wire import MAX_AUTH_BODY
from integrations.relay import runtime
from integrations.wire.asgi import (
    App,
    BodyGaveWay,
    BodyTooLarge,
    ClientLeft,
    PlainRequest,
    PlainResponse,
    Receive,
    Scope,
    Send,
    read_body,
    send_response,
)

MANY_BODIES = (
    "Too many requests from this address have not arrived whole. Send each without a pause, and fewer at the same time."
)


class PosHttp:
    """Answers the auth endpoint and its mistyped paths; everything else goes to `otherwise`."""

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime.start_soon()
        view = _view_of(scope)
        if view is None:
            await self._otherwise(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive, MAX_AUTH_BODY)
            response = await view.dispatch(PlainRequest(scope, body))
        except ClientLeft:
            return
        except BodyTooLarge:
            response = await _too_large(scope)
        except BodyGaveWay:
            response = errors.refusal(MANY_BODIES, 429, {"connection": "close"})
        await send_response(response, scope, send)


def _view_of(scope: Scope) -> AuthView | None:
    if is_auth(scope["path"]):
        return AuthView()
    return MisdirectedView() if is_near_auth(scope["path"], scope["method"]) else None


async def _too_large(scope: Scope) -> PlainResponse:
    message = f"The request body is larger than {MAX_AUTH_BODY // 1024} KiB."
    await attempts.record_malformed(visitor_of(scope), message)
    return errors.refusal(f"{message} Send the three values and no more.", 413, {"connection": "close"})
