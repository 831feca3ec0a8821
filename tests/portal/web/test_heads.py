"""HEAD works wherever GET does: for every route of the URL configuration, and for the paths answered outside it."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import URLResolver, get_resolver

from integrations.models import Integration
from integrations.models.api_key import Scope
from portal.serving.probes import PROBES
from tests.support.asgi_client import Answer, request
from tests.support.backend_client import Backend, make_outlet
from tests.support.in_process import InProcess, in_main

BESIDE = ("/api", "/api/v1", "/api/v1/nothing", "/nothing")
WITH_EFFECT = ("/admin/logout/", "/admin/oidc/")  # a GET request for these ends the session or calls another host
ENDS_SESSION = "/admin/login/again/"
FETCHED = re.compile(r"/admin/(\w+)/(\w+)/")


class Heads(InProcess):
    """Sends a GET and a HEAD request to each route, with an API key and, below /admin/, an administrator's session."""

    @pytest.mark.slow
    @override_settings(METRICS_TOKEN="m" * 16, DEBUG=False)
    async def test_head_gets_the_status_and_the_headers_of_get(self) -> None:
        backend, outlet = await Backend.make(), await make_outlet()
        found = await in_main(paths, outlet.handover.provider_outlet_id)
        assert len(found) > 150
        session = await in_main(session_of_anna)
        for path in (*found, *PROBES, *BESIDE, "/admin/"):
            key = "m" * 16 if path == "/metrics" else backend.key
            got, head = [await ask(method, path, key, session) for method in ("GET", "HEAD")]
            if path == ENDS_SESSION:
                session = await in_main(session_of_anna)
            with self.subTest(path=path):
                assert head.status == got.status
                assert (head.status == 405) == ("GET" not in got.headers.get("allow", "GET"))
                assert head.headers.get("content-type") == got.headers.get("content-type")
                if path.startswith("/api/v1"):
                    assert head.headers.get("content-length") == got.headers.get("content-length")
        assert got.status == 200, "another page ended the session before the last one, /admin/"

    async def test_the_root_of_the_api_points_to_the_calls(self) -> None:
        backend = await Backend.make(scopes=list(Scope))
        for path in ("/api/v1", "/api/v1/"):
            answer = await ask("GET", path, backend.key)
            assert answer.status == 200
            for found in answer.json().values():
                assert (await ask("GET", found, backend.key)).status == 200
            assert (await ask("HEAD", path, backend.key)).status == 200
            assert (await ask("HEAD", path, "ONPK-WRONG")).status == 401
            assert (await ask("POST", path, backend.key)).status == 405


async def ask(method: str, path: str, key: str, session: str = "") -> Answer:
    headers = {"authorization": f"Bearer {key}", "x-request-id": "same"}
    if path.startswith("/admin/"):
        headers["cookie"] = f"{settings.SESSION_COOKIE_NAME}={session}"
    return await request(method, path, headers=headers)


def session_of_anna() -> str:
    client = Client()
    anna = User.objects.filter(username="anna").first() or User.objects.create_superuser("anna")
    client.force_login(anna)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def paths(provider_outlet_id: str) -> list[str]:
    """Return the path of each route, with keys of existing rows where possible."""
    assert Integration.objects.exists()
    found = []
    for route in routes(get_resolver().url_patterns):
        path = re.sub(
            r"\(\?P<\w+>([\w]+)\|?.*?\)|\(\?P<\w+>\.\*\)", r"\1", f"/{route}".replace("^", "").replace("$", "")
        )
        path = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), path).replace("<path:provider_outlet_id>", provider_outlet_id)
        path = re.sub(r"<(\w+:)?\w+>", str(key_of(path)), path)
        if not path.startswith(WITH_EFFECT):
            found.append(path)
    return found


def routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            yield prefix + str(pattern.pattern)


def key_of(path: str) -> Any:
    """Return the primary key of an existing row for this page; 1 if there is none."""
    named = FETCHED.match(path)
    try:
        row = apps.get_model(named[1], named[2]).objects.first() if named else None
    except LookupError:
        row = None
    return row.pk if row else 1
