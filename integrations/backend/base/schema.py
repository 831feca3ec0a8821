"""What the OpenAPI document says about every operation: its scope, its problems, its paging."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema

from integrations.backend.base import problems, serializers
from integrations.backend.base.authentication import Handler, requires
from integrations.backend.base.pagination import MAX_LIMIT
from integrations.backend.base.problems import ProblemKind
from integrations.models.api_key import Scope
from integrations.services.errors import PortalError

SCOPE = "x-required-scope"  # the member of an operation that names its scope
PROBLEM_JSON = "application/problem+json"
OUTLET_ID = OpenApiParameter("provider_outlet_id", str, OpenApiParameter.PATH, description="The ProviderOutletID.")


def problems_of(*kinds: ProblemKind | type[PortalError]) -> dict[tuple[int, str], Any]:
    """Return the responses for these problems, and for those that every call may return."""
    unread = (problems.MALFORMED, problems.LATE, problems.TARGET_TOO_LONG, problems.HEAD_TOO_LARGE)
    always = (
        problems.INVALID_KEY,
        problems.MISSING_SCOPE,
        problems.NETWORK_NOT_ALLOWED,
        problems.INVALID_INPUT,
        problems.RATE_LIMITED,
        problems.FAULT,
        problems.DATABASE_AWAY,
    )
    return {(kind.status, PROBLEM_JSON): serializers.ProblemSerializer for kind in (*unread, *always, *_kinds(kinds))}


def operation(scope: Scope | None, **described: Any) -> Callable[[Handler], Handler]:
    """Return a decorator that describes a handler, and declares the scope that it requires (see `requires`).

    The summary is the operation's name, unless it is given.
    """
    summary = described.pop("summary", described["operation_id"].replace("_", " ").capitalize())
    describe = extend_schema(summary=summary, **described, extensions={SCOPE: scope.value} if scope else None)

    def decorate(handler: Handler) -> Handler:
        return requires(scope)(describe(handler))

    return decorate


def described(summary: str, *kinds: ProblemKind | type[PortalError]) -> str:
    """Return the description of an operation with its own problems; a refusal of a service is one."""
    if not kinds:
        return summary
    listed = (f"- {kind.status} `{kind.type}`: {kind.title}" for kind in _kinds(kinds))
    return "\n".join([summary, "", "Problems:", *listed])


def _kinds(kinds: Iterable[ProblemKind | type[PortalError]]) -> Iterator[ProblemKind]:
    for kind in kinds:
        yield kind if isinstance(kind, ProblemKind) else problems.of_refusal(kind)


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
