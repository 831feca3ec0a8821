"""Checks the token before the POS's consumer runs, and refuses handshakes.

The Origin header is not checked. Checking it protects cookies, which a browser adds to requests from other sites'
pages. This websocket uses no cookies, and only a caller that knows the secret gets a token. .NET clients invent an
Origin (`ws://HOST:PORT`, `null`, an empty one), so a check would reject tills and protect nothing.
"""

import json
from urllib.parse import parse_qs

from integrations.pos.access import admission as admissions
from integrations.pos.access import attempt_recording, second_till
from integrations.pos.access.refusals import WrongPath
from integrations.pos.access.visitors import origin_of, visitor_of
from integrations.pos.errors import retry_headers
from integrations.pos.messages import failure
from integrations.services.connections.errors import Refused
from integrations.services.handover.handover import websocket_url
from integrations.text.characters import trimmed
from integrations.wire.asgi_types import App, Receive, Scope, Send, header
from integrations.wire.security_headers import SECURITY_HEADERS

ADMISSION = "admission"  # the key in the scope


class TokenAuth:
    """Adds the admission to the scope of a handshake with a valid token, and calls the consumer; refuses all others."""

    def __init__(self, consumer: App) -> None:
        self._consumer = consumer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = visitor_of(scope)
        try:
            admission = await second_till.admit(_token(scope), visitor, origin_of(scope))
        except Refused as refusal:
            await refuse(scope, receive, send, refusal)
            return
        # Reuse the scope, because each of thousands of POSes would hold a copy for as long as it is connected.
        scope[ADMISSION] = admission
        del visitor, admission
        await self._consumer(scope, receive, send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket at a wrong path, and record it for staff, because it may be a POS with a wrong address."""
    message = f"There is no websocket at this path: connect to {websocket_url()}/?token=..."
    refusal = WrongPath(message, admissions.outlet_of(_token(scope)))
    await attempt_recording.record_refused_socket(
        refusal, visitor_of(scope), attempt_recording.path_detail(scope["path"])
    )
    await refuse(scope, receive, send, refusal)


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refused) -> None:
    """Refuse a handshake, with a body if the server can send one (uvicorn); daphne sends a bare 403."""
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = json.dumps(failure(str(refusal))).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *SECURITY_HEADERS,
    ]
    headers += [(name.encode(), value.encode()) for name, value in retry_headers(refusal).items()]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _token(scope: Scope) -> str | None:
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return next((trimmed(values[0]) for name, values in query.items() if name.lower() == "token"), None)
