"""The client of a request or a socket: its address and its program. Read from an ASGI scope."""

from dataclasses import dataclass

from integrations.text.characters import printable
from integrations.text.client_address import address_in
from integrations.wire.asgi_types import Scope, header


@dataclass(slots=True)
class Visitor:
    """The address is the client's own: behind a trusted proxy, the one that the proxy names (portal/asgi.py)."""

    address: str
    user_agent: str


def visitor_of(scope: Scope) -> Visitor:
    """Return who made the request or opened the socket of an ASGI scope."""
    return Visitor(address_in(scope), printable(header(scope, b"user-agent") or "", 200))


def origin_of(scope: Scope) -> str:
    """Return the Origin header. Websocket clients send what they like in it, so it is recorded and decides nothing."""
    return printable(header(scope, b"origin") or "", 200)
