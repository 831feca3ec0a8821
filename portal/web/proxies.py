"""Reads what a trusted proxy says about the client: X-Forwarded-For and X-Forwarded-Proto.

In place of uvicorn's ProxyHeadersMiddleware, which compares the scheme letter by letter (`HTTPS` and `https,http` are
unknown to it), takes any text for an address, and does not recognise an IPv4 proxy on a dual-stack listener. Only
proxies of TRUSTED_PROXIES are believed. `Forwarded` (RFC 7239) is never read: a proxy that does not know that header
passes on whatever the client wrote there.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from integrations.text.client_address import parsed
from integrations.wire.asgi_types import App, Receive, Scope, Send

FORWARDED_PORT = 0  # of a client whose address a trusted proxy named; no peer of a socket has it
HOPS = 32  # of X-Forwarded-For that are read, from the nearest proxy on
LONGEST = 200  # characters of X-Forwarded-Proto that are read
SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
OF_SOCKETS = {"https": "wss", "http": "ws"}

Network = IPv4Network | IPv6Network


class ProxyHeaders:
    """Sets a scope's client and scheme to those of the client before the trusted proxies.

    `scheme` ("http" or "https") is PUBLIC_URL's. It stands for a proxy that names no scheme that is known, because a
    redirect to https is right only when a proxy says that the client used http.
    """

    def __init__(self, app: App, *, trusted: Iterable[str], scheme: str) -> None:
        self._app = app
        self._scheme = scheme
        networks = tuple(_unmapped(ip_network(each)) for each in trusted)
        self._trusts = lru_cache(4096)(lambda host: _is_in(host, networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client and scope["type"] in ("http", "websocket") and self._trusts(client[0]):
            self._read(scope)
        await self._app(scope, receive, send)

    def _read(self, scope: Scope) -> None:
        forwarded_for, forwarded_proto = [], []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded_for.append(value.decode("latin-1"))
            elif name == b"x-forwarded-proto":
                forwarded_proto.append(value.decode("latin-1"))
        scheme = scheme_of(",".join(forwarded_proto)[:LONGEST]) or self._scheme
        scope["scheme"] = OF_SOCKETS[scheme] if scope["type"] == "websocket" else scheme
        if forwarded_for and (found := self._client_of(",".join(forwarded_for))):
            scope["client"] = found, FORWARDED_PORT

    def _client_of(self, forwarded_for: str) -> str | None:
        """Return the last address that is not a trusted proxy's, or None where the nearest proxy names none.

        Each proxy appends the address that it sees. So what stands before an untrusted address is the client's own
        claim, and what stands before a text that is no address cannot be believed either.
        """
        found = None
        for element in reversed(forwarded_for.rsplit(",", HOPS)[-HOPS:]):
            address = parsed(_without_port(element.strip(' \t"')))
            if address is None:
                return found
            found = str(address)
            if not self._trusts(found):
                return found
        return found


@lru_cache(256)
def scheme_of(forwarded_proto: str) -> str | None:
    """Return "https" or "http" as X-Forwarded-Proto says, None if it says neither.

    In a list, each element is one leg of the way. If any leg was https, so is the answer: some proxies put their own
    leg first, others last, and a redirect to https would lead back to the same list, for ever. A client that writes
    `https` there itself gains nothing but to miss that redirect.
    """
    said = {SCHEMES.get(each.strip(" \t\"'").lower()) for each in forwarded_proto.split(",")}
    return "https" if "https" in said else "http" if "http" in said else None


def _without_port(text: str) -> str:
    """Return the host of HOST, HOST:PORT, [HOST] or [HOST]:PORT."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_in(host: str, networks: Iterable[Network]) -> bool:
    address = parsed(host)
    return address is not None and any(address in network for network in networks)


def _unmapped(network: Network) -> Network:
    """Return an IPv4 network that is spelled in IPv6 (::ffff:10.0.0.0/104) as IPv4, because addresses are, too."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None else IPv4Network((int(mapped), max(0, network.prefixlen - 96)))
