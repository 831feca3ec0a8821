"""What the OpenAPI document says about every operation: its scope, its problems, its paging."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema

from integrations.backend.base import serializers
from integrations.backend.base.authentication import Handler, requires
from integrations.backend.base.pagination import MAX_LIMIT
from integrations.backend.base.problems import (
    DATABASE_AWAY,
    FAULT,
    HEAD_TOO_LARGE,
    INVALID_INPUT,
    INVALID_KEY,
    LATE,
    MALFORMED,
    MISSING_SCOPE,
    NETWORK_NOT_ALLOWED,
    RATE_LIMITED,
    TARGET_TOO_LONG,
    ProblemKind,
    of_refusal,
)
from integrations.models.api_key import Scope
from integrations.services.errors import PortalError

SCOPE = "x-required-scope"  # the member of an operation that names its scope
PROBLEM_JSON = "application/problem+json"
OUTLET_ID = OpenApiParameter(
    "provider_outlet_id",
    str,
    OpenApiParameter.PATH,
    description="The ProviderOutletID, percent-encoded: `%2F` for a slash.",
)

_OF_EVERY_CALL = (
    MALFORMED,
    LATE,
    TARGET_TOO_LONG,
    HEAD_TOO_LARGE,
    INVALID_KEY,
    MISSING_SCOPE,
    NETWORK_NOT_ALLOWED,
    INVALID_INPUT,
    RATE_LIMITED,
    FAULT,
    DATABASE_AWAY,
)


def operation(
    scope: Scope | None,
    *,
    operation_id: str,
    responses: Mapping[int, Any],
    description: str | None = None,
    problems: Sequence[ProblemKind | type[PortalError]] = (),
    **more: Any,
) -> Callable[[Handler], Handler]:
    """Return a decorator that describes a handler, and declares the scope that it requires (see `requires`).

    `problems` are those that this operation may return in addition to those of every call; a refusal of a service is
    one. The description lists them. The summary is the operation's name, unless it is given.
    """
    kinds = [each if isinstance(each, ProblemKind) else of_refusal(each) for each in problems]
    more.setdefault("summary", operation_id.replace("_", " ").capitalize())
    if description is not None:
        more["description"] = _with_problems(description, kinds)
    failures = {(kind.status, PROBLEM_JSON): serializers.ProblemSerializer for kind in (*_OF_EVERY_CALL, *kinds)}
    extensions = {SCOPE: scope.value} if scope else None
    describe = extend_schema(operation_id, responses={**responses, **failures}, extensions=extensions, **more)

    def decorate(handler: Handler) -> Handler:
        return requires(scope)(describe(handler))

    return decorate


def _with_problems(description: str, kinds: Sequence[ProblemKind]) -> str:
    if not kinds:
        return description
    listed = (f"- {kind.status} `{kind.type}`: {kind.title}" for kind in kinds)
    return "\n".join([description, "", "Problems:", *listed])


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
