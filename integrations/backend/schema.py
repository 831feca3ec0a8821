"""The parts of the OpenAPI document that the serializers do not describe."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from integrations.backend import orders, problems, serializers
from integrations.backend.authentication import Handler, requires
from integrations.backend.pagination import MAX_LIMIT
from integrations.backend.problems import ProblemKind
from integrations.models.api_key import Scope
from integrations.models.request import RequestState
from integrations.wire import payload_models
from integrations.wire.endpoints import API_PATH

SCOPE = "x-required-scope"  # the member of an operation that names its scope
PROBLEM_JSON = "application/problem+json"
USER = "1234"  # the user in the examples: a PIN that the demo's POSes know


def _problems(*kinds: ProblemKind) -> dict[tuple[int, str], Any]:
    """Return the responses for these problems, and for those that every call may return."""
    unread = (problems.MALFORMED, problems.LATE, problems.TARGET_TOO_LONG, problems.HEAD_TOO_LARGE)
    always = (
        problems.INVALID_KEY,
        problems.MISSING_SCOPE,
        problems.NETWORK_NOT_ALLOWED,
        problems.INVALID_INPUT,
        problems.FAULT,
        problems.DATABASE_AWAY,
    )
    return {(kind.status, PROBLEM_JSON): serializers.ProblemSerializer for kind in (*unread, *always, *kinds)}


def _operation(scope: Scope | None, **described: Any) -> Callable[[Handler], Handler]:
    """Return a decorator that describes a handler, and declares the scope that it requires (see `requires`)."""
    describe = extend_schema(**described, extensions={SCOPE: scope.value} if scope else None)

    def decorate(handler: Handler) -> Handler:
        return requires(scope)(describe(handler))

    return decorate


def _described(summary: str, *kinds: ProblemKind) -> str:
    if not kinds:
        return summary
    return "\n".join([summary, "", "Problems:", *(f"- {kind.status} `{kind.type}`: {kind.title}" for kind in kinds)])


def _filter(name: str, description: str, kind: type = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


_PAGING = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
        OpenApiParameter.QUERY,
        description="Maximum number of rows on a page.",
    ),
    _filter("cursor", "Where the page starts: request the `next` link unchanged."),
]
_OUTLET_ID = OpenApiParameter("provider_outlet_id", str, OpenApiParameter.PATH, description="The ProviderOutletID.")
_REQUEST_ID = OpenApiParameter("request_uuid", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)

_SENDING = (
    problems.MISSING_SCOPE,
    problems.UNKNOWN_OUTLET,
    problems.OTHER_CONTENT,
    problems.DISABLED,
    problems.CANCELLED,
    problems.UNREADABLE,
    problems.TOO_LARGE,
    problems.QUEUE_FULL,
    problems.MANY_BODIES,
    problems.FAILED,
    problems.POS_OFFLINE,
    problems.LINK_LOST,
    problems.DRAINING,
    problems.NO_ANSWER,
    problems.EXPIRED,
)
_CANCELLING = (problems.MISSING_SCOPE, problems.UNKNOWN_REQUEST, problems.ALREADY_LEFT, problems.UNREADABLE)

LIST_OUTLETS = _operation(
    Scope.OUTLETS_READ,
    operation_id="list_outlets",
    parameters=[
        _filter("organisation", "Only outlets of the organisation with this name."),
        _filter("online", "Only outlets whose POS is connected (true) or not connected (false).", bool),
        *_PAGING,
    ],
    responses={200: serializers.OutletPageSerializer, **_problems()},
)
GET_OUTLET = _operation(
    Scope.OUTLETS_READ,
    operation_id="get_outlet",
    parameters=[_OUTLET_ID],
    responses={200: serializers.OutletSerializer, **_problems(problems.UNKNOWN_OUTLET)},
)
SEND_REQUEST = _operation(
    Scope.REQUESTS_SEND,
    operation_id="send_request",
    description=_described(
        "Sends a request to an outlet's POS and, unless `mode` is `async`, waits for the answer.", *_SENDING
    ),
    parameters=[_OUTLET_ID],
    request={"application/json": serializers.OrderSerializer},
    responses={
        200: serializers.AnswerSerializer,
        202: serializers.ReceiptSerializer,
        **_problems(*_SENDING),
    },
    examples=[
        OpenApiExample(
            model.removeprefix("OrderNPay").removesuffix("Request"),
            value={
                "message_type": model.removeprefix("OrderNPay").removesuffix("Request"),
                "device_id": "kiosk-1",
                "user_identifier": USER,
                "payload": payload,
            },
            request_only=True,
        )
        for model, payload in payload_models.EXAMPLES.items()
    ],
)
LIST_REQUESTS = _operation(
    Scope.REQUESTS_READ,
    operation_id="list_requests",
    parameters=[
        _filter("outlet", "Only requests to the outlet with this ProviderOutletID."),
        _filter("state", "Only requests in this state.", enum=RequestState.values),
        _filter("since", "Only requests received at or after this time (ISO 8601 with offset)."),
        *_PAGING,
    ],
    responses={200: serializers.RequestPageSerializer, **_problems(problems.UNKNOWN_OUTLET)},
)
GET_REQUEST = _operation(
    Scope.REQUESTS_READ,
    operation_id="get_request",
    parameters=[_REQUEST_ID],
    responses={
        200: serializers.WholeRequestSerializer,
        **_problems(problems.UNKNOWN_REQUEST, problems.UNREADABLE),
    },
)
CANCEL = _operation(
    Scope.REQUESTS_SEND,
    operation_id="cancel_request",
    description=_described("Cancels a request that has not been sent yet.", *_CANCELLING),
    parameters=[_REQUEST_ID],
    request=None,
    responses={200: serializers.WholeRequestSerializer, **_problems(*_CANCELLING)},
)
LIST_MESSAGE_TYPES = _operation(
    None,
    operation_id="list_message_types",
    responses={200: serializers.MessageTypesSerializer, **_problems()},
)

GET_API_KEY = _operation(
    None,
    operation_id="get_api_key",
    responses={200: serializers.ApiKeySerializer, **_problems()},
)


def only_backend(endpoints: list[Any], **_kwargs: Any) -> list[Any]:
    """Return only the API's endpoints, without the pages that describe it."""
    described = ("schema", "docs", "")
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].startswith(API_PATH) and endpoint[0].removeprefix(API_PATH) not in described
    ]


def add_payload_models(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add the payload models of the known message types. No call refers to them, because any payload is accepted."""
    schemas = result["components"]["schemas"]
    schemas.update({model: payload_models.json_schema(model) for model in payload_models.MODELS})
    order = schemas["Order"]
    order["additionalProperties"] = False
    order["properties"]["message_type"] = {
        "oneOf": [
            {"type": "integer", "minimum": 0, "maximum": orders.MAX_MESSAGE_TYPE},
            {"type": "string", "minLength": 1, "maxLength": 64},
        ],
        "description": "The number of a message type, or the name of one that this portal knows.",
    }
    order["properties"]["payload"] = {
        "type": "object",
        "additionalProperties": True,  # without it, client generators assume an empty object
        "description": "Forwarded unchanged: same keys, same order, same digits. See the OrderNPay…Request models.",
    }
    _open_objects(schemas)
    return result


def _open_objects(value: Any) -> None:
    """Allow any member in each object without listed members: generated clients would drop them otherwise."""
    if isinstance(value, dict):
        if value.get("type") == "object" and not value.get("properties"):
            value["additionalProperties"] = value.get("additionalProperties") or True
        for each in value.values():
            _open_objects(each)
    elif isinstance(value, list):
        for each in value:
            _open_objects(each)
