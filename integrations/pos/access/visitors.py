"""Reads the client of a request or a websocket from an ASGI scope: its address and its User-Agent."""

from dataclasses import dataclass

from integrations.text.characters import printable
from integrations.text.client_address import address_in
from integrations.wire.asgi_types import Scope, header


@dataclass(slots=True)
class Visitor:
    """A client. Behind a trusted proxy, the address is the one that the proxy reports (portal/asgi.py)."""

    address: str
    user_agent: str


def visitor_of(scope: Scope) -> Visitor:
    """Return the client that sent the request or opened the websocket of an ASGI scope."""
    return Visitor(address_in(scope), printable(header(scope, b"user-agent") or "", 200))


def origin_of(scope: Scope) -> str:
    """Return the Origin header. Websocket clients can send any value, so it is recorded but never checked."""
    return printable(header(scope, b"origin") or "", 200)
