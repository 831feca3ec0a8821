"""Restricts where webhooks may be sent, so a URL that staff entered cannot reach into the portal's own network."""

import asyncio
import contextlib
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from integrations.security.public_addresses import Address, is_public
from integrations.services.errors import InvalidValue

MAX_URL_LENGTH = 500
NO_HOST = "The host of the URL cannot exist. Write an address, or a name of at most 253 characters (63 between dots)."

# A host name (RFC 1123), with underscores, which some networks use. The last part must not consist of digits only,
# because the host would then be an IP address.
_PART = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_is_name = re.compile(rf"(?=.{{1,253}}\.?$)(?:{_PART}\.)*(?![0-9]+\.?$){_PART}\.?").fullmatch
# Use a separate pool, because a hanging DNS server must not exhaust the shared threads.
_resolver = ThreadPoolExecutor(16, thread_name_prefix="webhook-names")


class AddressRefused(Exception):
    """The address of a webhook is not allowed. The text is for staff."""


def check_url(url: str) -> None:
    """Raise InvalidValue for a URL that webhooks may not use. `resolve` checks host names when a webhook is sent."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL_LENGTH:
        raise InvalidValue("url", f"The URL must be at most {MAX_URL_LENGTH} ASCII characters without spaces.")
    try:
        parts = _split(url)
    except ValueError:
        raise InvalidValue("url", "This is not a URL. Write it like https://example.com/hooks") from None
    if parts.scheme not in _schemes() or not parts.hostname:
        raise InvalidValue("url", "The URL must begin with https:// and name a host.")
    if "@" in parts.netloc:
        raise InvalidValue("url", "Remove the user name and password from the URL. Each message is signed instead.")
    if parts.fragment:
        raise InvalidValue("url", "Remove the part from # on. It is never sent.")
    _check_host(parts.hostname, is_bracketed="[" in parts.netloc)


def check_address(address: Address) -> None:
    """Raise AddressRefused for an address that is not on the public internet, unless WEBHOOK_ALLOW_PRIVATE is set."""
    if not settings.WEBHOOK_ALLOW_PRIVATE and not is_public(address):
        raise AddressRefused(f"{address} is not a public address. Use a public one, or set WEBHOOK_ALLOW_PRIVATE.")


async def resolve(host: str, port: int) -> Address:
    """Return the address to connect to. Raises OSError if the host has no address.

    Raises AddressRefused if any address of the host is refused, because a name with both a public and a private address
    is suspicious.
    """
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_resolver, _look_up, host, port)
    for address in found:
        check_address(address)
    return found[0]


def _look_up(host: str, port: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(row[4][0]) for row in rows]


def _split(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError if the URL is malformed or its port is 0."""
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError("port 0")
    return parts


def _schemes() -> tuple[str, ...]:
    return ("https", "http") if settings.WEBHOOK_ALLOW_PRIVATE else ("https",)


def _check_host(host: str, *, is_bracketed: bool) -> None:
    if (address := _literal(host)) is None:
        if is_bracketed or not _is_name(host):
            raise InvalidValue("url", NO_HOST)
        return
    try:
        check_address(address)
    except AddressRefused as refusal:
        raise InvalidValue("url", str(refusal)) from None


def _literal(host: str) -> Address | None:
    """Return the IP address that `host` spells, in any form that the system's resolver accepts, or None for a name."""
    with contextlib.suppress(ValueError):
        return ip_address(host)
    # inet_aton() accepts other spellings of 127.0.0.1, too: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
    try:
        return IPv4Address(socket.inet_aton(unquote(host).rstrip(".")))
    except (OSError, ValueError):
        return None
