"""Creates HTTP and websocket clients that neither send tokens to other hosts nor log them."""

import ipaddress
import logging
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urlencode, urlsplit

import httpx2
from websockets.asyncio.client import connect

ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 3.0
LONGEST_RETRY_AFTER = 3600.0
USER_AGENT = "PowerEPOS-simulator"

# The websocket library logs the request line, including the token, at DEBUG.
_quiet_logger = logging.getLogger("integrations.simulator.websocket")
_quiet_logger.setLevel(logging.WARNING)


class _Dial(connect):
    """Treats a redirect as a refusal, because the token must not be sent to another address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def dial(url: str, token: str) -> _Dial:
    return _Dial(
        f"{url}?{urlencode({'token': token})}",
        compression=None,
        user_agent_header=USER_AGENT,
        proxy=None if _is_loopback(url) else True,
        ssl=_tls() if urlsplit(url).scheme == "wss" else None,
        open_timeout=ANSWER_SECONDS,
        close_timeout=CLOSE_SECONDS,
        logger=_quiet_logger,
    )


def http_client(url: str) -> httpx2.AsyncClient:
    """Return a client that closes each connection after use. Many POSes of one portal can share it.

    Idle connections would be useless, because attempts are far apart, and a restarted server has closed them. The
    number of simultaneous connections is not limited.
    """
    return httpx2.AsyncClient(
        timeout=ANSWER_SECONDS,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        headers={"User-Agent": USER_AGENT},
        trust_env=not _is_loopback(url),
        verify=_tls(),
    )


def retry_after_seconds(value: str | None, *, now: datetime) -> float:
    """Return the seconds of a Retry-After (a number or an HTTP date), at most an hour; 0 if it is invalid."""
    if not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


@cache
def _tls() -> ssl.SSLContext:
    """Return one shared context, because each takes 40 ms of CPU and keeps all certificate authorities in memory."""
    return ssl.create_default_context()


def _is_loopback(url: str) -> bool:
    """Return whether a URL points to this machine. If so, do not use the proxy that the environment names."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
