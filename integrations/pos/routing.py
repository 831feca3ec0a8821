from collections.abc import Awaitable

from django.urls import re_path

from integrations.pos.consumer import PosConsumer
from integrations.pos.middleware import TokenAuth, not_found
from integrations.pos.paths import is_socket
from integrations.wire.asgi import App, Receive, Scope, Send


def hold(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Be a POS's socket. No coroutine, because a frame of its own would be held for each POS."""
    consumer: Awaitable[None] = PosConsumer()(scope, receive, send)
    return consumer


socket = TokenAuth(hold)


class PosSockets:
    """Takes the sockets at the root; every other path goes to `otherwise`.

    A POS connects to wss://HOST?token=... with no path (SPEC). Channels' router would copy the scope for each, and
    hold the copy for as long as the POS stays.
    """

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = socket if is_socket(scope["path"]) else self._otherwise
        return app(scope, receive, send)


# Channels routes ASGI applications with the functions that Django wrote for views.
anything_else = re_path(r"", not_found)  # type: ignore[arg-type]
