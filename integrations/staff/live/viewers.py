"""Who looks at a live page: a member of staff whose session is checked again and again."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from integrations.staff.live.feed import Look
from integrations.staff.signing_in import gate, lifetime
from integrations.wire.asgi_types import Scope

Looks = Callable[[Any, Mapping[str, Any]], Look | None]


def session_key_of(scope: Scope) -> str | None:
    """Return the session's key from the handshake's cookies."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            return parse_cookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    return None


def find_look(session_key: str, looks: Looks, place: Mapping[str, Any]) -> Look | None:
    """Return what the person of a session sees at a place; None where the session ended, or they may not look.

    Runs in a database thread.
    """
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    person = get_user(request)
    if not gate.is_staff(person) or gate.missing(request.session, person) or lifetime.is_over(request.session, person):
        return None
    return looks(person, place)
