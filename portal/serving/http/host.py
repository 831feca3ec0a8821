"""Checks the value of a Host header (RFC 9112, 3.2)."""

import re
from functools import lru_cache

from integrations.text.client_address import parsed

_NAME = rb"[a-z0-9._~!$&'()*+;=-]*(?:%[0-9a-f]{2}[a-z0-9._~!$&'()*+;=-]*)*"
_PORT = rb"(?::[0-9]{0,5})?"
_is_name = re.compile(_NAME + _PORT, re.IGNORECASE).fullmatch
_as_ipv6 = re.compile(rb"\[([0-9a-f.]*:[0-9a-z.:%_~-]*)\]" + _PORT, re.IGNORECASE).fullmatch


@lru_cache(1000)  # clients use only a few names for a server
def is_host(value: bytes) -> bool:
    """Return whether this is a host name (possibly empty) or an IP address, with an optional port (RFC 3986, 3.2.2).

    The grammar allows a comma in a name. Here a comma is invalid, because a proxy may have joined two Host headers.
    """
    if _is_name(value):
        return True
    found = _as_ipv6(value)
    return found is not None and parsed(found[1].decode("ascii")) is not None
