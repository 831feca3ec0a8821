"""The two ways out, HTTP and websocket, set up so that a token goes nowhere else and no log has it."""

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

# The websocket library logs the request line, token and all, at DEBUG.
_quiet_logger = logging.getLogger("integrations.simulator.websocket")
_quiet_logger.setLevel(logging.WARNING)


class _Dial(connect):
    """A redirect is a refusal: the token is not to be carried anywhere else."""

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
    """Keeps no connection: attempts are far apart, and a server that restarted has cut the old one.

    One client may serve many POSes of one portal: how many ask at once is not limited.
    """
    return httpx2.AsyncClient(
        timeout=ANSWER_SECONDS,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        headers={"User-Agent": USER_AGENT},
        trust_env=not _is_loopback(url),
    )


def retry_after_seconds(value: str | None, *, now: datetime) -> float:
    """Reads seconds or an HTTP date, at most an hour; what cannot be read counts as none."""
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
    """One for all: each holds all the authorities of the machine in memory."""
    return ssl.create_default_context()


def _is_loopback(url: str) -> bool:
    """A proxy from the environment must not stand between this machine and itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
