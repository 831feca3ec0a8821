"""Try a delivery once over HTTP, only to a checked address, without redirects, with limits on time and size."""

import asyncio
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx2

from integrations.models.clock import shared_now
from integrations.security.redaction import redact
from integrations.services.notices.addresses import AddressRefused, resolve
from integrations.services.requests.secret_members import hide_in_words
from integrations.text.characters import printable

SECONDS = 10.0  # limit of one try: look up the name, connect, read the answer
MAX_ANSWER = 16 * 1024  # at most this many bytes of an answer are read
EXCERPT = 500  # at most this many characters of an answer are stored
GONE = 410
MOST_SECONDS = 10.0**9  # the longest pause that retry_seconds() returns; its caller limits the pause further
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one try. `error` is empty if the receiver accepted the event (2xx)."""

    status: int | None
    error: str
    excerpt: str = field(default="", repr=False)
    duration_ms: int = 0
    retry_after: float = 0.0  # seconds for which the receiver wants no other try; 0 if it does not say


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Resolves a host name once, checks each address, and connects to a checked address.

    With a second look-up, a name server could return another address after the check (DNS rebinding). TLS verifies
    that the certificate is for the host name. Use one instance per endpoint, because an open connection is reused for
    any host name with the same address, but TLS has verified it for one host name only.
    """

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send to the checked address. Raises AddressRefused, OSError or httpx2.TransportError."""
        host = request.url.host
        address = await resolve(host, request.url.port or _PORTS[request.url.scheme])
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(address))  # the Host header still contains the host name
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def new_client() -> httpx2.AsyncClient:
    """Return a client for one endpoint; close it after use."""
    return httpx2.AsyncClient(
        transport=CheckedTransport(),
        follow_redirects=False,
        timeout=SECONDS,
        headers={"user-agent": "order-n-pay-portal-webhooks/1", "accept-encoding": "identity"},
    )


async def post(client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
    """Post the body once. The result also describes any failure; only CancelledError is raised."""
    began = time.monotonic()
    answer = await _tried(client, url, body, headers)
    return replace(answer, duration_ms=int((time.monotonic() - began) * 1000))


async def _tried(client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
    try:
        async with asyncio.timeout(SECONDS):
            return await _exchange(client, url, body, headers)
    except TimeoutError:
        return DeliveryResult(None, f"No answer within {SECONDS:g} s.")
    except AddressRefused as refusal:
        return DeliveryResult(None, str(refusal))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
        return DeliveryResult(None, printable(redact(f"{_called(error)}: {error}"), 300))


async def _exchange(client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
    typed = {**headers, "content-type": "application/json"}
    async with client.stream("POST", url, content=body, headers=typed) as response:
        excerpt = printable(hide_in_words((await _beginning(response)).decode(errors="replace")), EXCERPT)
        error = _judged(response.status_code)
        pause = retry_seconds(response.headers.get("retry-after", ""), shared_now()) if error else 0.0
        return DeliveryResult(response.status_code, error, excerpt, retry_after=pause)


async def _beginning(response: httpx2.Response) -> bytes:
    """Return at most MAX_ANSWER bytes of the body, without decompressing them. The rest is never read."""
    kept = b""
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) >= MAX_ANSWER:
            break
    return kept[:MAX_ANSWER]


def _judged(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"Answered {status}. Redirects are not followed; use the final URL."
    if status == GONE:
        return "Answered 410 Gone: the receiver wants no more events."
    return f"Answered {status}."


def _called(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "Took too long"
    if isinstance(error, (httpx2.ConnectError, OSError)):
        return "Cannot be reached"
    return "The connection broke off"


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # SSL_CERT_FILE adds your own certificate authority


def retry_seconds(text: str, now: datetime) -> float:
    """Return how many seconds after `now` the receiver allows the next try.

    `text` is the value of the header Retry-After: seconds or a date (RFC 9110, 10.2.3). Any other text gives 0.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text), MOST_SECONDS) if len(text) < 20 else MOST_SECONDS
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
    zoned = until if until.tzinfo else until.replace(tzinfo=UTC)  # HTTP's dates are in GMT
    return min(max(0.0, (zoned - now).total_seconds()), MOST_SECONDS)
