"""Reads the client's address and scheme from a trusted proxy's X-Forwarded-For and X-Forwarded-Proto.

This replaces uvicorn's ProxyHeadersMiddleware, which compares the scheme literally (it does not recognise `HTTPS` or
`https,http`), accepts any text as an address, and does not recognise an IPv4 proxy on a dual-stack listener. Only
proxies in TRUSTED_PROXIES are trusted. `Forwarded` (RFC 7239) is never read, because a proxy that does not know this
header passes on the client's value.
"""

from collections.abc import Iterable
from functools import lru_cache

from integrations.text.client_address import is_in, parsed, parsed_network
from integrations.wire.asgi_types import App, Receive, Scope, Send

FORWARDED_PORT = 0  # the port of a client whose address comes from a trusted proxy; no socket peer has port 0
HOPS = 32  # at most this many addresses of X-Forwarded-For are read, beginning with the nearest proxy's
LONGEST = 200  # at most this many characters of X-Forwarded-Proto are read
SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
WEBSOCKET_SCHEMES = {"https": "wss", "http": "ws"}


class ProxyHeaders:
    """Sets a scope's client and scheme to those of the client in front of the trusted proxies.

    `scheme` ("http" or "https") is the scheme of PUBLIC_URL. It is assumed if the trusted proxy names no scheme. With
    "https", a client is therefore redirected to https only if the proxy says that the client used http.
    """

    def __init__(self, app: App, *, trusted: Iterable[str], scheme: str) -> None:
        self._app = app
        self._scheme = scheme
        networks = tuple(map(parsed_network, trusted))
        self._trusts = lru_cache(4096)(lambda host: is_in(host, networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client and scope["type"] in ("http", "websocket") and self._trusts(client[0]):
            self._apply_headers(scope)
        await self._app(scope, receive, send)

    def _apply_headers(self, scope: Scope) -> None:
        forwarded_for, forwarded_proto = [], []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded_for.append(value.decode("latin-1"))
            elif name == b"x-forwarded-proto":
                forwarded_proto.append(value.decode("latin-1"))
        scheme = scheme_of(",".join(forwarded_proto)[:LONGEST]) or self._scheme
        scope["scheme"] = WEBSOCKET_SCHEMES[scheme] if scope["type"] == "websocket" else scheme
        if forwarded_for and (found := self._client_of(",".join(forwarded_for))):
            scope["client"] = found, FORWARDED_PORT

    def _client_of(self, forwarded_for: str) -> str | None:
        """Return the last address that is not a trusted proxy's, or None if the nearest proxy names no address.

        Each proxy appends the address that it sees. Everything before an untrusted address is therefore the client's
        own claim. Everything before an invalid address is untrusted as well.
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
    """Return the scheme that X-Forwarded-Proto names ("https" or "http"), or None if it names neither.

    In a list, each element is one hop. If any hop used https, the result is https. Proxies put their hop first or last,
    so the client's hop is unknown. If the result were http, a client that used https would be redirected to https in
    an endless loop. A client that falsely sends `https` in this header only misses the redirect to https.
    """
    found = {SCHEMES.get(each.strip(" \t\"'").lower()) for each in forwarded_proto.split(",")}
    return "https" if "https" in found else "http" if "http" in found else None


def _without_port(text: str) -> str:
    """Return the host of HOST, HOST:PORT, [HOST] or [HOST]:PORT."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
