"""People who signed in, as the tests need them: with a proof just now, or one of a while ago."""

import time
from typing import Any

from allauth.account.internal.flows.login import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    clear_authentication_records,
    record_authentication,
)
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client

from integrations.staff.signing_in.sessions import REFRESH

_force_login = Client.force_login


def force_login(client: Client, user: User, backend: str | None = None) -> None:
    """Django's, as if it had been by password, just now. tests/conftest.py puts it in the place of Django's."""
    _force_login(client, user, backend)
    prove(client, user)


def prove(client: Client, user: User, *, method: str = "password", ago: float = 0.0, **details: Any) -> None:
    """Let the session hold this one proof, given so many seconds ago."""
    request = HttpRequest()
    request.session = client.session
    clear_authentication_records(request)
    record_authentication(request, user, method, **details)
    (record,) = request.session[AUTHENTICATION_METHODS_SESSION_KEY]
    record["at"] = time.time() - ago
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    request.session.save()


def refresh(client: Client, url: str = "/admin/integrations/outlet/", *, etag: str = "") -> Any:
    """Ask for the live part of a page, as the page itself does."""
    return client.get(url, headers={REFRESH: "yes"} | ({"If-None-Match": etag} if etag else {}))
