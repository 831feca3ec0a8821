"""Reads a client's address. Returns it in one spelling for display and storage, or as the key that all limits use.

Every counter and sampler that works per address uses `network_of`. An IPv6 customer has at least a /64 and can change
the address for each request, so a /64 counts as one client. An IPv4 address counts as one client in any spelling.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.http import HttpRequest

from integrations.text.characters import printable

LENGTH = 45  # characters, the length of the database columns for addresses
LONGEST = 100  # an address has at most this many characters, even with a scope id; longer texts are not parsed
KEPT = 20_000
MAPPED_BITS = 96  # bits before the IPv4 address in a mapped IPv6 address
HOST_BITS = 64  # the low bits of an IPv6 address; one customer can change them freely

Network = IPv4Network | IPv6Network


def address_in(scope: Mapping[str, Any]) -> str:
    """Return the client's address in an ASGI scope, or "". Behind a proxy, portal/web/proxies.py has corrected it."""
    client = scope.get("client")
    return canonical(client[0]) if client else ""


def address_of(request: HttpRequest) -> str:
    """Return the address of a request's client, or "". Behind a proxy, portal/web/proxies.py has corrected it."""
    return canonical(request.META.get("REMOTE_ADDR") or "")


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text names, or None. A mapped IPv4 address becomes IPv4; a scope id (%eth0) is cut."""
    return _parsed(text) if len(text) <= LONGEST else None


def parsed_network(text: str) -> Network:
    """Parse a network in CIDR notation. A mapped IPv4 network becomes IPv4, as in `parsed`. Raises ValueError."""
    network = ip_network(text)
    if isinstance(network, IPv4Network):
        return network
    first = network.network_address
    if first.ipv4_mapped and network.prefixlen >= MAPPED_BITS:
        return IPv4Network((first.ipv4_mapped, network.prefixlen - MAPPED_BITS))
    return IPv6Network((int(first), network.prefixlen))


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Return whether an address is in one of these networks. Parse them with `parsed_network` first."""
    found = parsed(address)
    return found is not None and any(found in network for network in networks)


@lru_cache(KEPT)
def canonical(text: str) -> str:
    """Return an address in its canonical spelling; other text is truncated and made printable."""
    return str(parsed(text) or printable(text, LENGTH))


@lru_cache(KEPT)
def network_of(address: str) -> str:
    """Return the key that limits use for a client's address: the IPv4 address, or the IPv6 /64."""
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return f"{IPv6Address(int(found) >> HOST_BITS << HOST_BITS)}/{HOST_BITS}"
    return str(found or printable(address, LENGTH))


@lru_cache(KEPT)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))
