"""Requests and responses of the entry points that serve machines past Django's handler and middleware.

Those start a thread for each request and do nothing that a machine at the other end needs (sessions, CSRF, redirects).
What is called this way must log its own faults.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from django.http import HttpResponse, QueryDict

from integrations.wire.asgi_types import RawHeaders, Scope, Send, header
from integrations.wire.security_headers import SECURITY_HEADERS

WHOLE = "portal.http.response"  # a message with a whole answer, where the scope has it among its extensions


@dataclass
class PlainRequest:
    """A request as the entry points of machines read it; nothing is parsed before it is asked for.

    Django's own request costs as much as half an authentication.
    """

    scope: Scope = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method.upper()

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @cached_property
    def query(self) -> QueryDict:
        return QueryDict(self.scope.get("query_string", b""))

    def header(self, name: bytes) -> str | None:
        """Return the first header of that lower-case name, or None."""
        return header(self.scope, name)


@dataclass(slots=True)
class PlainResponse:
    """A response as it is sent: headers by lower-case names, without a Content-Length."""

    status: int
    headers: RawHeaders = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, response: HttpResponse) -> Self:
        """Return what Django's response says."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        return cls(response.status_code, headers, response.content)

    def for_django(self) -> HttpResponse:
        """Return the same as Django's handler sends it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        return HttpResponse(self.body, status=self.status, headers=headers)

    def set_header(self, name: bytes, value: str) -> None:
        """Set a header of a lower-case name. Raises ValueError for a value that would end the header."""
        if "\r" in value or "\n" in value:
            raise ValueError(f"The value of {name.decode()} has more than one line.")
        self.headers = [*(each for each in self.headers if each[0] != name), (name, value.encode("latin-1"))]


async def send_response(response: PlainResponse, scope: Scope, send: Send) -> None:
    """Send a response as ASGI messages; to HEAD without its body, which only says how long it would be."""
    body, status = response.body, response.status
    whole = [*SECURITY_HEADERS, *response.headers, (b"content-length", b"%d" % len(body))]
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": whole, "body": body})
        return
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
