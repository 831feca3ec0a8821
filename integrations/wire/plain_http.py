"""Requests and responses of the entry points for programs. These entry points bypass Django's handler and middleware.

Django's handler starts a thread for each request, and its middleware handles sessions, CSRF and redirects, which no
program needs. An entry point that bypasses them must log its errors itself.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from django.http import HttpResponse, QueryDict

from integrations.wire.asgi_types import RawHeaders, Scope, Send, header
from integrations.wire.security_headers import SECURITY_HEADERS

# The name of an ASGI extension, and the type of its only message, which contains a complete answer.
WHOLE = "portal.http.response"


_EMPTY = QueryDict()


@dataclass
class PlainRequest:
    """A request to an entry point for programs, parsed lazily.

    Creating a Django request instead would be slow: that alone takes half as long as the whole authentication of a POS.
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
        written = self.scope.get("query_string")
        return QueryDict(written) if written else _EMPTY

    def headers(self, name: bytes) -> list[str]:
        """Return all headers with this lower-case name."""
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]

    def header(self, name: bytes) -> str | None:
        """Return the first header with this lower-case name, or None."""
        return header(self.scope, name)


@dataclass(slots=True)
class PlainResponse:
    """A response. Its header names are in lower case; send_response adds the Content-Length."""

    status: int
    headers: RawHeaders = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, response: HttpResponse) -> Self:
        """Convert a Django response to a PlainResponse."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        return cls(response.status_code, headers, response.content)

    def for_django(self) -> HttpResponse:
        """Convert this response to a Django response."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        return HttpResponse(self.body, status=self.status, headers=headers)

    def set_header(self, name: bytes, value: str) -> None:
        """Set a header; the name must be lower-case. Raises ValueError for a value with a line break."""
        if "\r" in value or "\n" in value:
            raise ValueError(f"The value of the header {name.decode()} has more than one line.")
        self.headers = [*(each for each in self.headers if each[0] != name), (name, value.encode("latin-1"))]


async def send_response(response: PlainResponse, scope: Scope, send: Send) -> None:
    """Send a response as ASGI messages; the answer to HEAD has the Content-Length, but no body."""
    body, status = response.body, response.status
    whole = [*SECURITY_HEADERS, *response.headers, (b"content-length", b"%d" % len(body))]
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": whole, "body": body})
        return
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
