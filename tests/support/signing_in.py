"""Signs people in for tests, and sets how long ago they authenticated."""

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
    """Sign in with Django's `force_login`, and record that the password was proved now.

    tests/conftest.py replaces Django's method with this function.
    """
    _force_login(client, user, backend)
    prove(client, user)


def prove(client: Client, user: User, *, method: str = "password", ago: float = 0.0, **details: Any) -> None:
    """Replace the session's authentication records with one record that is `ago` seconds old."""
    request = HttpRequest()
    request.session = client.session
    clear_authentication_records(request)
    record_authentication(request, user, method, **details)
    (record,) = request.session[AUTHENTICATION_METHODS_SESSION_KEY]
    record["at"] = time.time() - ago
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    request.session.save()


def refresh(client: Client, url: str = "/admin/integrations/outlet/", *, etag: str = "") -> Any:
    """Request the live part of a page, as the page's script does."""
    return client.get(url, headers={REFRESH: "yes"} | ({"If-None-Match": etag} if etag else {}))
