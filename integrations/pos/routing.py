from collections.abc import Awaitable

from integrations.pos.consumer import PosConsumer
from integrations.pos.middleware import TokenAuth, not_found
from integrations.pos.paths import is_socket
from integrations.wire.asgi import Receive, Scope, Send


def hold(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Be a POS's socket. No coroutine, because a frame of its own would be held for each POS."""
    consumer: Awaitable[None] = PosConsumer()(scope, receive, send)
    return consumer


socket = TokenAuth(hold)


def sockets(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Take the sockets at the root, and refuse those at any other path.

    A POS connects to wss://HOST?token=... with no path (SPEC). Channels' router would copy the scope for each, and
    hold the copy for as long as the POS stays.
    """
    app = socket if is_socket(scope["path"]) else not_found
    return app(scope, receive, send)
