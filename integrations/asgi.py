"""ASGI as the doors use it: its types, and a view asked past Django's handler and middleware.

Those make a thread for each request and do nothing that a machine at the other end needs (sessions, CSRF, redirects),
and Django's handler reads a body of any size before the view is asked. So the bodies are bounded here, and what is
asked this way must log its own faults.
"""

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
View = Callable[..., Any]


class ClientLeft(Exception):
    """The client went before its request was whole."""


class BodyTooLarge(Exception):
    """The body is larger than the door takes."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return a request's body of at most `limit` bytes. Raises BodyTooLarge or ClientLeft."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        if not message.get("more_body"):
            return bytes(body)


class LazyRequest(ASGIRequest):
    """A request of which method, scope and body are there, and all else is made when it is first asked for.

    Making the whole of it costs as much as an authentication, and the POS's door reads no more than these.
    """

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope, self._body = scope, body
        self.method = scope["method"].upper()

    def __getattr__(self, name: str) -> Any:
        if "META" in self.__dict__:  # all is made, and this is not among it
            raise AttributeError(name)
        super().__init__(self.scope, BytesIO(self._body))
        return getattr(self, name)


async def ask_view(view: View, scope: Scope, body: bytes, **kwargs: Any) -> HttpResponse:
    """Return an async view's response, rendered."""
    response: HttpResponseBase = await view(LazyRequest(scope, body), **kwargs)
    return response.render() if hasattr(response, "render") else response  # type: ignore[return-value]


async def send_response(response: HttpResponse, send: Send) -> None:
    """Send a response as ASGI messages."""
    content = response.content
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
