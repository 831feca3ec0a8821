"""Checks the services around the portal: Redis, and the proxy with its certificate."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from portal.operations.doctor.database import live_processes
from portal.operations.doctor.finding import Finding, advice, fine, wrong

PATIENCE = 5  # seconds
DAY = 86400
RENEW_BEFORE, WARN_BEFORE = 7 * DAY, 21 * DAY
# The portal's answer to a websocket handshake without a token: 401 on uvicorn, 403 on daphne.
REFUSED = (401, 403)
PAGE = "/admin/login/"  # a staff page that needs no sign-in
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def layer() -> Iterator[Finding]:
    """Check that server processes can notify each other through Redis. A single process does not need Redis."""
    if not settings.REDIS_URL:
        yield _without_layer()
        return
    try:
        import redis
    except ImportError:
        what = "REDIS_URL is set, but the package redis is not installed."
        yield wrong("layer", what, "pip install -r requirements-scale.lock")
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        todo = "Start Redis, or correct REDIS_URL. Until then the portal works, but notices changes later."
        yield wrong("layer", f"Redis cannot be reached ({type(error).__name__}).", todo)
        return
    yield fine("layer", "Redis answers.")


def public_address() -> Iterator[Finding]:
    """Check the certificate, /healthz, a staff page and a websocket handshake at PUBLIC_URL."""
    url = urlsplit(settings.PUBLIC_URL)
    port = url.port or (443 if settings.IS_PUBLIC_HTTPS else 80)
    host = url.hostname or ""
    try:
        if settings.IS_PUBLIC_HTTPS:
            yield _certificate(host, port)
        yield _health(host, port)
        if settings.IS_PUBLIC_HTTPS:
            yield _pages(host, port)
        yield _websocket(host, port)
    except ssl.SSLCertVerificationError as error:
        todo = "Configure the proxy with the full chain of a certificate for this name from a trusted authority."
        yield wrong("TLS", f"The certificate of {host} is not valid: {error.verify_message}.", todo)
    except (OSError, http.client.HTTPException) as error:
        todo = "Are the server and the proxy running? Do DNS and the firewall lead to the proxy?"
        yield wrong("public address", f"{settings.PUBLIC_URL} does not answer ({error}).", todo)


def _without_layer() -> Finding:
    processes = live_processes()
    if processes > 1:
        todo = (
            "Set REDIS_URL. Without it, transient requests reach only POSes that are connected to the same process, and"
            " changes are noticed a second later."
        )
        return wrong("layer", f"{processes} server processes are running, but REDIS_URL is not set.", todo)
    return fine("layer", "A single process does not need Redis.")


def _certificate(host: str, port: int) -> Finding:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        ends = ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"]))
    left = ends - time.time()
    what = f"The certificate of {host} is valid for {left / DAY:.0f} more days."
    todo = "Renew it, and find out why it was not renewed automatically."
    if left < RENEW_BEFORE:
        return wrong("TLS", what, todo)
    return advice("TLS", what, todo) if left < WARN_BEFORE else fine("TLS", what)


def _health(host: str, port: int) -> Finding:
    status, body, _ = _get(host, port, "/healthz", {})
    if status == 200 and b"alive" in body:
        return fine("public address", f"{settings.PUBLIC_URL}/healthz reports that the portal is alive.")
    todo = "Another server answers there. Compare PUBLIC_URL with the proxy's settings."
    return wrong("public address", f"{settings.PUBLIC_URL}/healthz answers {status}.", todo)


def _pages(host: str, port: int) -> Finding:
    """Check that a page does not redirect to itself. It would if the portal did not know that clients use https."""
    status, _, location = _get(host, port, PAGE, {})
    if not _is_same_page(location, host, port):
        return fine("proxy", f"{settings.PUBLIC_URL}{PAGE} answers {status} and does not redirect to itself.")
    return wrong(
        "proxy",
        f"{settings.PUBLIC_URL}{PAGE} redirects to itself endlessly: the portal does not see that clients use https.",
        "Make the proxy send X-Forwarded-Proto: https, and add the address from which it connects to the portal to"
        " TRUSTED_PROXIES.",
    )


def _is_same_page(location: str, host: str, port: int) -> bool:
    target = urlsplit(urljoin(f"https://{host}:{port}{PAGE}", location)) if location else None
    return target is not None and (target.scheme, target.hostname, target.path) == ("https", host, PAGE)


def _websocket(host: str, port: int) -> Finding:
    status, _, _ = _get(host, port, "/", UPGRADE)
    if status in REFUSED:
        return fine("public address", "A websocket handshake reaches the portal.")
    todo = "Make the proxy pass on Upgrade and Connection, over HTTP/1.1 (deploy/nginx/portal.conf)."
    return wrong("public address", f"A websocket handshake got {status}: it does not reach the portal.", todo)


def _get(host: str, port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes, str]:
    """Return the status, the beginning of the body, and the Location of a redirect. Redirects are not followed."""
    make = http.client.HTTPSConnection if settings.IS_PUBLIC_HTTPS else http.client.HTTPConnection
    connection = make(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(1000), response.getheader("Location") or ""
    finally:
        connection.close()
