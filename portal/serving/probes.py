"""Answers the probes of load balancers and Prometheus: liveness, readiness and metrics.

The probes are plain ASGI, in front of Django's middleware. A load balancer calls each process every few seconds, over
plain HTTP and at an internal address. Django would redirect plain HTTP to https, and reject an address that is not
in ALLOWED_HOSTS.
"""

import json
from collections.abc import Awaitable, Callable

from django.db import DatabaseError, InterfaceError, connection

from integrations.relay import runtime
from integrations.services.keys import newer_keys
from integrations.services.rows.threads import readers
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.limits import MAX_PAGE_BODY
from integrations.wire.plain_http import PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, read_body
from portal.operations.database_schema import count_pending_migrations
from portal.serving.metrics import scrape

METHODS = ("GET", "HEAD")
FATAL = frozenset({"away", "draining", "pending", "unknown", "missing"})

_is_migrated = False  # once true, it stays true: no one migrates a database backwards under a running process


class Probes:
    """Answers /healthz, /readyz and /metrics; passes all other requests to `otherwise`."""

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probe = PROBES.get(scope["path"])
        if probe is None:
            await self._otherwise(scope, receive, send)
            return
        try:
            await read_body(scope, receive, MAX_PAGE_BODY)
        except ClientLeft:
            return
        except (BodyTooLarge, BodyGaveWay):
            response = _json_response({"status": "too large"}, 413)
            response.set_header(b"connection", "close")
        else:
            response = (
                await probe(scope) if scope["method"] in METHODS else _json_response({"status": "no method"}, 405)
            )
        await send_response(response, scope, send)


async def healthz(_scope: Scope) -> PlainResponse:
    """Return 200: any answer shows that the process is alive."""
    return _json_response({"status": "alive"}, 200)


async def readyz(_scope: Scope) -> PlainResponse:
    """Return 200 if this process can take new work.

    The answer is 503 while the process drains, while its database is unavailable or not migrated, and while the process
    lacks a CREDENTIAL_KEY that secrets are stored under. An unavailable channel layer is only "degraded". The
    database is the source of truth (CONTRIBUTING.md, rule 1), so requests still get their answers, and a 503 would take
    all processes out of service at once.
    """
    running = runtime.current()
    parts = {
        "process": "draining" if running is not None and (running.is_leaving or running.is_draining) else "serving"
    }
    parts |= await _database()
    if newer_keys.is_lacking():
        parts["keys"] = "missing"
    if FATAL & set(parts.values()):
        return _json_response({"status": "not ready", **parts, "layer": _layer()}, 503)
    layer = _layer()
    return _json_response({"status": "degraded" if layer == "away" else "ready", **parts, "layer": layer}, 200)


PROBES: dict[str, Callable[[Scope], Awaitable[PlainResponse]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": scrape,
}


async def _database() -> dict[str, str]:
    try:
        is_migrated = await readers.run(_check_migrations)
    except (DatabaseError, InterfaceError):
        return {"database": "away", "migrations": "applied" if _is_migrated else "unknown"}
    return {"database": "reachable", "migrations": "applied" if is_migrated else "pending"}


def _check_migrations() -> bool:
    global _is_migrated  # noqa: PLW0603  (queried until it is true)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    _is_migrated = _is_migrated or not count_pending_migrations()
    return _is_migrated


def _layer() -> str:
    running = runtime.current()
    if running is None:
        return "not asked yet"
    if not running.has_layer:
        return "none"
    return "away" if running.is_layer_away else "reachable"


def _json_response(content: dict[str, str], status: int) -> PlainResponse:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    return PlainResponse(status, headers, json.dumps(content).encode())
