"""What stands before the POS's consumer: the rule of origins, the token, and the refusal of a handshake."""

import json
from urllib.parse import parse_qs

from integrations.asgi import header
from integrations.models.attempt import Outcome
from integrations.origins import is_ours
from integrations.pos import door
from integrations.pos.asgi import App, Receive, Scope, Send
from integrations.pos.errors import status_of
from integrations.pos.visitors import visitor_of
from integrations.pos.wire import failure
from integrations.security_headers import SECURITY_HEADERS
from integrations.services.authentication import Refused

ADMISSION = "admission"  # the scope's key


class ForeignOrigin(Refused):
    """A page of another web site in somebody's browser. A POS is no browser and sends no Origin."""

    outcome = Outcome.FOREIGN_ORIGIN
    message = "Connections from other web sites are refused."


class TokenAuth:
    """Lets a handshake with a good token through, with its admission in the scope; refuses any other."""

    def __init__(self, consumer: App) -> None:
        self._consumer = consumer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = visitor_of(scope)
        try:
            if _is_foreign(header(scope, b"origin")):
                await door.note_refused_socket(ForeignOrigin(), visitor)
                raise ForeignOrigin
            admission = await door.admit(_token(scope), visitor)
        except Refused as refusal:
            await refuse(scope, receive, send, status_of(refusal), str(refusal))
            return
        # Into the scope itself: what is made here is held for as long as the POS stays, and there are thousands.
        scope[ADMISSION] = admission
        del visitor, admission
        await self._consumer(scope, receive, send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket on a path where none is."""
    await refuse(scope, receive, send, 404, "There is no websocket at this path: connect to wss://HOST/?token=...")


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, message: str) -> None:
    """Refuse a handshake, with a body where the server can send one (uvicorn); daphne sends a bare 403."""
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = json.dumps(failure(message)).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *SECURITY_HEADERS,
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _token(scope: Scope) -> str | None:
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return query["token"][0] if "token" in query else None


def _is_foreign(origin: str | None) -> bool:
    return origin is not None and not is_ours(origin)
