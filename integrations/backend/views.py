"""The root of the API, and its answer to unknown paths."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from integrations.backend.base import problems
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.problems import Problem
from integrations.backend.base.query import check_names
from integrations.backend.base.schema import operation
from integrations.backend.base.views import BackendView
from integrations.wire.plain_http import PlainRequest, PlainResponse

PLACES = (
    "organisations", "outlets", "requests", "webhook-endpoints", "deliveries", "events", "message-types", "api-key",
    "schema", "docs",
)  # fmt: skip


class PathsSerializer(serializers.Serializer[Any]):
    """The paths of the calls without a parameter in the path, by name."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.CharField() for name in PLACES}


class RootView(BackendView):
    """Lists the addresses of the API. A client can use it to check the connection and its API key."""

    http_method_names = ["get"]

    @operation(
        None,
        operation_id="get_paths",
        summary="Check the API key",
        description="Returns the paths of the calls. 200 means that the portal answers and that the API key is valid.",
        responses={200: PathsSerializer},
    )
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return plain_data({name: reverse(f"backend-{name}") for name in PLACES})


class NotFoundView(BackendView):
    """Answers 404 for every other path below the API's prefix."""

    schema = None

    async def answer(self, request: PlainRequest, **_kwargs: Any) -> PlainResponse:  # noqa: ARG002
        raise Problem(problems.NOT_FOUND)
