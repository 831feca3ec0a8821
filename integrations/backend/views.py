"""The root of the API, and its answer to unknown paths."""

from typing import Any

from django.urls import reverse

from integrations.backend.base import problems
from integrations.backend.base.api_key_authentication import requires
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.problems import Problem
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.wire.plain_http import PlainRequest, PlainResponse

PLACES = (
    "organisations", "outlets", "requests", "webhook-endpoints", "deliveries", "events", "message-types", "api-key",
    "schema", "docs",
)  # fmt: skip


class RootView(BackendView):
    """Lists the addresses of the API. A client can use it to check the connection and its API key."""

    http_method_names = ["get"]
    schema = None

    @requires(None)
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return plain_data({name: reverse(f"backend-{name}") for name in PLACES})


class NotFoundView(BackendView):
    """Answers 404 for every other path below the API's prefix."""

    schema = None

    async def answer(self, request: PlainRequest, **_kwargs: Any) -> PlainResponse:  # noqa: ARG002
        raise Problem(problems.NOT_FOUND)
