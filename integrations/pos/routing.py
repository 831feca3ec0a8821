"""Routes the POS's requests and websockets to their handlers, directly from ASGI and without Django's handler."""

from collections.abc import Awaitable

from integrations.pos import errors
from integrations.pos.access import attempt_recording
from integrations.pos.access.visitors import visitor_of
from integrations.pos.consumer import PosConsumer
from integrations.pos.messages import MAX_AUTH_BODY, NO_CLAIM
from integrations.pos.middleware import TokenAuth, not_found
from integrations.pos.paths import is_auth, is_near_auth, is_socket
from integrations.pos.views import AuthView, MisdirectedView
from integrations.relay import runtime
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.plain_http import PlainRequest, PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, read_body

MANY_BODIES = (
    "Too many unfinished requests from this address. Send each request without pauses, and fewer at the same time."
)


class PosHttp:
    """Serves the auth endpoint and its mistyped paths; passes every other request to `otherwise`."""

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


def hold(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Return the consumer's coroutine itself: an `async def` here would keep one more frame alive per connection."""
    consumer: Awaitable[None] = PosConsumer()(scope, receive, send)
    return consumer


socket = TokenAuth(hold)


def sockets(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Serve websockets at the root, and refuse those at any other path.

    A POS connects to wss://HOST?token=... without a path (SPEC). Channels' router would copy the scope of each
    connection and hold the copy for as long as the POS is connected.
    """
    app = socket if is_socket(scope["path"]) else not_found
    return app(scope, receive, send)


def _view_of(scope: Scope) -> AuthView | None:
    if is_auth(scope["path"]):
        return AuthView()
    return MisdirectedView() if is_near_auth(scope["path"], scope["method"]) else None


async def _too_large(scope: Scope) -> PlainResponse:
    message = f"The request body is larger than {MAX_AUTH_BODY // 1024} KiB."
    await attempt_recording.record_malformed(visitor_of(scope), message, NO_CLAIM)
    return errors.refusal(f"{message} Send the three values and no more.", 413, {"connection": "close"})
