"""For load balancers and watchdogs: is the process alive, and may it be given work?"""

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse

from integrations.relay import runtime


def healthz(_request: HttpRequest) -> JsonResponse:
    """Say that the process answers."""
    return _answer("alive", 200)


def readyz(_request: HttpRequest) -> JsonResponse:
    """Say whether new work may come: 503 while this process drains or the database is away."""
    running = runtime.current()
    if running is not None and (running.is_leaving or running.is_draining):
        return _answer("draining", 503)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return _answer("database away", 503)
    return _answer("ready", 200)


def _answer(status: str, code: int) -> JsonResponse:
    return JsonResponse({"status": status}, status=code, headers={"Cache-Control": "no-store"})
