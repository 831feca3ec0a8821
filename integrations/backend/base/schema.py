"""What the OpenAPI document says about every operation: its scope, its problems, its paging."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from integrations.backend.base import problems
from integrations.backend.base.api_key_authentication import OPERATION, Handler, requires
from integrations.backend.base.pagination import MAX_LIMIT
from integrations.backend.base.problem_schema import responses_with
from integrations.backend.base.problems import MISSING_SCOPE, NOT_FOUND, ProblemKind, of_refusal
from integrations.backend.base.query import HIGHEST_ID
from integrations.backend.base.serializers import PageSerializer
from integrations.models.api_key import Scope
from integrations.services import metrics
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused
from integrations.services.errors import PortalError

SENDING = "send_request"  # the operation whose Idempotency-Key is the request_id
SCOPE = "x-required-scope"  # the field of an OpenAPI operation that names its required scope
ID_SCHEMA = {"type": "integer", "format": "int64", "minimum": 1, "maximum": HIGHEST_ID}
OUTLET_ID = OpenApiParameter(
    "provider_outlet_id",
    str,
    OpenApiParameter.PATH,
    description="The ProviderOutletID, percent-encoded: `%2F` for a slash.",
)

_OF_EVERY_CALL = (
    problems.MALFORMED,
    problems.INVALID_KEY,
    problems.NETWORK_NOT_ALLOWED,
    problems.LATE,
    problems.TOO_LARGE,
    problems.TARGET_TOO_LONG,
    problems.INVALID_INPUT,
    problems.RATE_LIMITED,
    problems.MANY_BODIES,
    problems.MANY_REQUESTS,
    problems.HEAD_TOO_LARGE,
    problems.FAULT,
    problems.UNKNOWN_CODING,
    problems.NOT_READY,
    problems.DATABASE_AWAY,
    problems.OTHER_VERSION,
)
_OF_AN_IDEMPOTENCY_KEY = (IdempotencyKeyInUse, FirstAnswerUnreadable, IdempotencyKeyReused)


def operation(
    scope: Scope | None,
    *,
    operation_id: str,
    responses: Mapping[int, Any],
    parameters: Sequence[OpenApiParameter] = (),
    problems: Sequence[ProblemKind | type[PortalError]] = (),
    **more: Any,
) -> Callable[[Handler], Handler]:
    """Return a decorator that describes a handler, and declares the scope that it requires (see `requires`).

    `problems` are the problems, or refusals of services, that this operation may return in addition to the problems of
    every call. The default summary is the operation's name. The docstring of a serializer in `responses` becomes the
    description of that response. An OpenApiResponse keeps its own description.
    """
    more = {"summary": operation_id.replace("_", " ").capitalize()} | more
    more["extensions"] = {SCOPE: scope.value} if scope else None
    successes = {status: _described(each) for status, each in responses.items()}

    def decorate(handler: Handler) -> Handler:
        kinds = [*_OF_EVERY_CALL, *([MISSING_SCOPE] if scope else []), *map(_kind, problems)]
        if any(each.location == OpenApiParameter.PATH for each in parameters):
            kinds.append(NOT_FOUND)  # for a value in the path that does not have the format of its parameter
        if handler.__name__ != "get" and operation_id != SENDING:
            kinds += map(_kind, _OF_AN_IDEMPOTENCY_KEY)
        describe = extend_schema(operation_id, [*parameters], responses=successes | responses_with(kinds), **more)
        return requires(scope)(describe(_named(handler, operation_id)))

    return decorate


def _named(handler: Handler, operation_id: str) -> Handler:
    """Store the operation's name on the handler, and return the handler. Calls are counted under this name."""
    setattr(handler, OPERATION, operation_id)
    # Export the count at 0 from the start, because Prometheus sees an increase only between two values.
    metrics.api_calls.labels(operation_id, "500")
    return handler


def _kind(problem: ProblemKind | type[PortalError]) -> ProblemKind:
    return problem if isinstance(problem, ProblemKind) else of_refusal(problem)


def _described(answer: Any) -> OpenApiResponse:
    """Return the OpenApiResponse for a successful answer, with the docstring of its serializer as the description.

    For a page, the description contains the docstring of the rows' serializer. If `answer` is an OpenApiResponse,
    return it unchanged.
    """
    if isinstance(answer, OpenApiResponse):
        return answer
    if issubclass(answer, PageSerializer):
        rows = answer().fields["results"].child
        return OpenApiResponse(answer, f"A page of the list. Each row: {inspect.getdoc(type(rows))}")
    return OpenApiResponse(answer, inspect.getdoc(answer) or "")


def row_id(name: str, description: str) -> OpenApiParameter:
    """Return the path parameter that names a row."""
    return OpenApiParameter(name, ID_SCHEMA, OpenApiParameter.PATH, description=description)


def query_filter(name: str, description: str, kind: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


PAGING = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
        OpenApiParameter.QUERY,
        description="Maximum number of rows on a page.",
    ),
    query_filter("cursor", "Where the page starts: request the `next` link unchanged."),
]
