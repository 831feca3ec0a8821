"""Who looks at a live page: a member of staff whose session is checked again and again."""

from dataclasses import dataclass
from http.cookies import SimpleCookie
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from integrations.asgi import Scope
from integrations.services import scope as limits
from integrations.services.fleet import Organisations
from integrations.staff.signing_in import gate


@dataclass(frozen=True)
class Viewer:
    """What this person may see now."""

    organisations: Organisations


def session_key_of(scope: Scope) -> str | None:
    """Return the session's key from the handshake's cookies."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            morsel = SimpleCookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
            return morsel.value if morsel else None
    return None


def find_viewer(session_key: str) -> Viewer | None:
    """Return the viewer of a session, or None where it ended, or its person may not look. Runs in a database thread."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    person = get_user(request)
    if not gate.is_staff(person) or gate.missing(request.session, person):
        return None
    if not person.has_perm("integrations.view_outlet"):
        return None
    return Viewer(limits.organisations_of(person))
