"""ASGI as the doors use it: its types, and a view asked past Django's handler and middleware.

Those make a thread for each request and do nothing that a machine at the other end needs (sessions, CSRF, redirects),
and Django's handler reads a body of any size before the view is asked. So the bodies are bounded here, and what is
asked this way must log its own faults.
"""

from collections.abc import Awaitable, Callable, Sequence
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
View = Callable[..., Any]


class ClientLeft(Exception):
    """The client went before its request was whole."""


class BodyTooLarge(Exception):
    """The body is larger than the door takes."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return a request's body of at most `limit` bytes. Raises BodyTooLarge or ClientLeft."""
    body = b""
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


class LazyResponse(HttpResponse):
    """A response of which status, headers and body are there as they are sent, and all else is made when first asked.

    `headers` are by lower-case names, as ASGI has them, without a Content-Length.
    """

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.status_code = status
        self._as_sent = headers, body

    def __getattr__(self, name: str) -> Any:
        if "headers" in self.__dict__:  # all is made, and this is not among it
            raise AttributeError(name)
        headers, body = self._as_sent
        super().__init__(body, status=self.status_code, headers={key.decode(): text.decode() for key, text in headers})
        return getattr(self, name)

    def as_sent(self) -> tuple[RawHeaders, bytes] | None:
        """Return headers and body, or None when somebody may have changed them since."""
        return None if "headers" in self.__dict__ else self._as_sent


async def ask_view(view: View, scope: Scope, body: bytes, **kwargs: Any) -> HttpResponse:
    """Return an async view's response, rendered."""
    response: HttpResponseBase = await view(LazyRequest(scope, body), **kwargs)
    return response.render() if hasattr(response, "render") else response  # type: ignore[return-value]


async def send_response(response: HttpResponse, send: Send) -> None:
    """Send a response as ASGI messages."""
    headers, body = (isinstance(response, LazyResponse) and response.as_sent()) or _encoded(response)
    whole = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": response.status_code, "headers": whole})
    await send({"type": "http.response.body", "body": body})


def _encoded(response: HttpResponse) -> tuple[RawHeaders, bytes]:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return headers, response.content
