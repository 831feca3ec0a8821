"""Each operation of the API requires one scope, which it declares once and which the OpenAPI document names."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.urls import URLPattern
from drf_spectacular.generators import SchemaGenerator

from integrations.backend import urls
from integrations.backend.base import authentication
from integrations.backend.base.authentication import Caller, check_scope
from integrations.backend.base.problems import Problem
from integrations.backend.base.schema import SCOPE
from integrations.backend.base.views import BackendView
from integrations.models.api_key import Scope
from tests.backend.answers import kind_of
from tests.support.asgi_client import request
from tests.support.backend_client import Backend
from tests.support.in_process import InProcess, in_main

METHODS = ("get", "post", "put", "patch", "delete")
FOR_ANY_KEY = {"RootView.get", "ApiKeyView.get", "MessageTypesView.get"}


def handlers() -> Iterator[object]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        view = getattr(pattern.callback, "view_class", None)
        if view is not None and issubclass(view, BackendView):
            yield from (getattr(view, method) for method in METHODS if hasattr(view, method))


def caller(scopes: str) -> Caller:
    return Caller(0, "", "", None, None, 1, None, scopes, "[]", "kiosk")


@pytest.mark.parametrize("handler", list(handlers()), ids=lambda each: each.__qualname__)
def test_every_operation_declares_its_scope(handler: object) -> None:
    assert hasattr(handler, authentication._REQUIRED)
    scope = getattr(handler, authentication._REQUIRED)
    assert (scope is None) == (handler.__qualname__ in FOR_ANY_KEY)  # type: ignore[attr-defined]


def test_an_operation_without_a_declared_scope_is_refused() -> None:
    with pytest.raises(LookupError):
        check_scope(caller('["requests:send"]'), lambda: None)


def test_a_scope_is_compared_as_a_whole() -> None:
    reading = authentication.requires(Scope.OUTLETS_READ)(lambda: None)
    check_scope(caller('["events:read", "outlets:read"]'), reading)
    with pytest.raises(Problem):
        check_scope(caller('["my-outlets:read", "outlets:reads"]'), reading)


class EveryOperation(InProcess):
    async def test_every_described_operation_names_the_scope_that_a_key_lacks(self) -> None:
        backend = await Backend.make(scopes=[Scope.EVENTS_READ])
        paths = (await in_main(_document))["paths"]
        calls = [(path, method, call) for path, each in paths.items() for method, call in each.items()]
        scoped = [each for each in calls if SCOPE in each[2]]
        assert len(scoped) > 4
        for path, method, call in scoped:
            url = path.format(provider_outlet_id="unknown", request_uuid=uuid4())
            answer = await request(method.upper(), url, headers=backend._headers)
            assert (answer.status, kind_of(answer)) == (403, "missing-scope"), path
            assert answer.json()["scope"] == call[SCOPE]


def _document() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    document: dict[str, dict[str, dict[str, dict[str, str]]]] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return document
