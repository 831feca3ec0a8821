"""Each operation of the API declares the scope that it requires, if any, and the OpenAPI document names this scope."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern

from integrations.backend import urls
from integrations.backend.base import api_key_authentication
from integrations.backend.base.api_key_authentication import Caller, check_scope
from integrations.backend.base.problems import Problem
from integrations.backend.base.views import BackendView
from integrations.models.api_key import Scope
from tests.backend.answers import kind_of
from tests.backend.operations import operations
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
    assert hasattr(handler, api_key_authentication._REQUIRED)
    scope = getattr(handler, api_key_authentication._REQUIRED)
    assert (scope is None) == (handler.__qualname__ in FOR_ANY_KEY)  # type: ignore[attr-defined]


def test_an_operation_without_a_declared_scope_is_refused() -> None:
    with pytest.raises(LookupError):
        check_scope(caller('["requests:send"]'), lambda: None)


def test_a_scope_is_compared_as_a_whole() -> None:
    reading = api_key_authentication.requires(Scope.OUTLETS_READ)(lambda: None)
    check_scope(caller('["events:read", "outlets:read"]'), reading)
    with pytest.raises(Problem):
        check_scope(caller('["my-outlets:read", "outlets:reads"]'), reading)


class EveryOperation(InProcess):
    async def test_every_described_operation_names_the_scope_that_a_key_lacks(self) -> None:
        keys = [await Backend.make(scope, scopes=[scope]) for scope in (Scope.EVENTS_READ, Scope.REQUESTS_READ)]
        scoped = [each for each in await in_main(operations) if each.scope]
        assert len(scoped) > 4
        for each in scoped:
            answer = await keys[each.scope == Scope.EVENTS_READ].call(each.method, each.url())
            assert (answer.status, kind_of(answer)) == (403, "missing-scope"), each
            assert answer.json()["scope"] == each.scope
