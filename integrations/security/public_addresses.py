"""Decides which addresses are globally reachable, according to IANA's registries of special-purpose addresses.

https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry, as of 2025. The tables
in Python's module `ipaddress` are not used because they differ between Python versions.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

# Both lists of unreachable ranges include the deprecated ones (192.88.99.0/24, 2002::/16, Teredo), because IANA does
# not mark these as reachable.
_NOT_REACHABLE = [
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
_REACHABLE_AFTER_ALL = [IPv4Network("192.0.0.9/32"), IPv4Network("192.0.0.10/32")]

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IANA has allocated; addresses outside are special or unassigned
_NOT_REACHABLE_6 = [IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_REACHABLE_AFTER_ALL_6 = [
    IPv6Network(each)
    for each in (
        "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28",
        "2001:30::/28",
    )
]  # fmt: skip

_MAPPED = IPv6Network("::ffff:0:0/96")
# A NAT64 address is reachable if the IPv4 address in it is. The other NAT64 network, 64:ff9b:1::/48, is local.
_NAT64 = IPv6Network("64:ff9b::/96")
# The lower half of an ISATAP address (RFC 5214) is 0000:5efe or 0200:5efe, followed by an IPv4 address. The mask
# ignores the bits u (the 2 in 0200) and g (normally 0).
_ISATAP_MASK, _ISATAP = 0xFCFFFFFF, 0x00005EFE


def is_public(address: Address) -> bool:
    """Return whether an address is globally reachable. An IPv4 address inside it must be reachable as well."""
    if isinstance(address, IPv4Address):
        return _any(address, _REACHABLE_AFTER_ALL) or not _any(address, _NOT_REACHABLE)
    if address.scope_id:  # valid only on one network link of this machine
        return False
    if address in _MAPPED or address in _NAT64:
        return is_public(_last_four_bytes(address))
    if address not in _GLOBAL_UNICAST:
        return False
    if _any(address, _NOT_REACHABLE_6) and not _any(address, _REACHABLE_AFTER_ALL_6):
        return False
    return not _is_isatap(address) or is_public(_last_four_bytes(address))


def _any(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _is_isatap(address: IPv6Address) -> bool:
    return int(address) >> 32 & _ISATAP_MASK == _ISATAP


def _last_four_bytes(address: IPv6Address) -> IPv4Address:
    return IPv4Address(address.packed[-4:])
