"""What machines ask of the server itself: is it alive, may it be given work, how does it fare?

Straight from ASGI, before Django's middleware: a load balancer asks by an address that is in no ALLOWED_HOSTS, by plain
HTTP from inside, and every few seconds of each process.
"""

import json
from collections.abc import Awaitable, Callable

from django.db import DatabaseError, InterfaceError, connection

from integrations.relay import runtime
from integrations.services.keys import newer_keys
from integrations.services.rows.threads import readers
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.limits import MAX_BODY
from integrations.wire.plain_http import PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, read_body
from portal.operations.schema import count_pending_migrations
from portal.serving.metrics import scrape

METHODS = ("GET", "HEAD")
FATAL = frozenset({"away", "draining", "pending", "unknown", "missing"})

_is_migrated = False  # once true it stays so: nothing takes tables away from a running process


class Probes:
    """Answers /healthz, /readyz and /metrics; everything else goes to `otherwise`."""

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probe = PROBES.get(scope["path"])
        if probe is None:
            await self._otherwise(scope, receive, send)
            return
        try:
            await read_body(scope, receive, MAX_BODY)
        except ClientLeft:
            return
        except (BodyTooLarge, BodyGaveWay):
            response = _answer({"status": "too large"}, 413)
            response.set_header(b"connection", "close")
        else:
            response = await probe(scope) if scope["method"] in METHODS else _answer({"status": "no method"}, 405)
        await send_response(response, scope, send)


async def healthz(_scope: Scope) -> PlainResponse:
    """Say that the process answers."""
    return _answer({"status": "alive"}, 200)


async def readyz(_scope: Scope) -> PlainResponse:
    """Say whether new work may come: 503 while this process drains, its database is away or not migrated,
    or a key is missing.

    A channel layer that is away makes it "degraded" and no more: the rows are the truth (CONTRIBUTING.md, rule 1), all
    answers still come, and every process would be taken out of service at the same moment.
    """
    running = runtime.current()
    parts = {
        "process": "draining" if running is not None and (running.is_leaving or running.is_draining) else "serving"
    }
    parts |= await _database()
    if newer_keys.is_lacking():
        parts["keys"] = "missing"
    if FATAL & set(parts.values()):
        return _answer({"status": "not ready", **parts, "layer": _layer()}, 503)
    layer = _layer()
    return _answer({"status": "degraded" if layer == "away" else "ready", **parts, "layer": layer}, 200)


PROBES: dict[str, Callable[[Scope], Awaitable[PlainResponse]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": scrape,
}


async def _database() -> dict[str, str]:
    try:
        is_migrated = await readers.run(_look_at_database)
    except (DatabaseError, InterfaceError):
        return {"database": "away", "migrations": "applied" if _is_migrated else "unknown"}
    return {"database": "reachable", "migrations": "applied" if is_migrated else "pending"}


def _look_at_database() -> bool:
    global _is_migrated  # noqa: PLW0603  (asked of the database until it is true)
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


def _answer(content: dict[str, str], status: int) -> PlainResponse:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    return PlainResponse(status, headers, json.dumps(content).encode())
