"""The description of the calls about requests and message types."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, PAGING, operation, query_filter
from integrations.backend.requests.serializers import (
    AnswerSerializer,
    MessageTypesSerializer,
    OrderSerializer,
    ReceiptSerializer,
    RequestPageSerializer,
    WholeRequestSerializer,
)
from integrations.models.api_key import Scope
from integrations.models.request import RequestState
from integrations.wire.payloads.answer_models import type_name
from integrations.wire.payloads.examples import EXAMPLES

USER = "1234"  # the user in the examples: a PIN that the demo's POSes know
_REQUEST_ID = OpenApiParameter(
    "request_uuid",
    {"type": "string", "format": "uuid"},
    OpenApiParameter.PATH,
    description="The `id` of the request, as in the answer to the call that sent it.",
)
_MOMENT = {"type": "string", "format": "date-time"}
SEND_REQUEST = operation(
    Scope.REQUESTS_SEND,
    operation_id="send_request",
    description="Sends a request to an outlet's POS and, unless `mode` is `async`, waits for the answer.",
    parameters=[OUTLET_ID],
    request={"application/json": OrderSerializer},
    responses={200: AnswerSerializer, 202: ReceiptSerializer},
    problems=(
        problems.UNKNOWN_OUTLET,
        problems.OTHER_CONTENT,
        problems.DISABLED,
        problems.CANCELLED,
        problems.UNREADABLE,
        problems.QUEUE_FULL,
        problems.FAILED,
        problems.POS_OFFLINE,
        problems.LINK_LOST,
        problems.DRAINING,
        problems.NO_ANSWER,
        problems.EXPIRED,
    ),
    examples=[
        OpenApiExample(
            type_name(model),
            value={
                "message_type": type_name(model),
                "device_id": "kiosk-1",
                "user_identifier": USER,
                "payload": payload,
            },
            request_only=True,
        )
        for model, payload in EXAMPLES.items()
    ],
)
LIST_REQUESTS = operation(
    Scope.REQUESTS_READ,
    operation_id="list_requests",
    parameters=[
        query_filter("outlet", "Only requests to the outlet with this ProviderOutletID."),
        query_filter("state", "Only requests in this state.", enum=RequestState.values),
        query_filter("since", "Only requests received at or after this time (ISO 8601 with offset).", _MOMENT),
        query_filter(
            "ended_since",
            "Only requests that ended at or after this time (ISO 8601 with offset), the last to end first.",
            _MOMENT,
        ),
        query_filter("request_id", "Only requests with this `request_id`; each outlet can have one."),
        query_filter("correlation_id", "Only requests sent by the call with this X-Request-ID."),
        *PAGING,
    ],
    responses={200: RequestPageSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
GET_REQUEST = operation(
    Scope.REQUESTS_READ,
    operation_id="get_request",
    parameters=[_REQUEST_ID],
    responses={200: WholeRequestSerializer},
    problems=(
        problems.UNKNOWN_REQUEST,
        problems.UNREADABLE,
    ),
)
CANCEL = operation(
    Scope.REQUESTS_SEND,
    operation_id="cancel_request",
    description="Cancels a request that has not been sent yet.",
    parameters=[_REQUEST_ID],
    request=None,
    responses={200: WholeRequestSerializer},
    problems=(problems.UNKNOWN_REQUEST, problems.ALREADY_LEFT, problems.UNREADABLE),
)
LIST_MESSAGE_TYPES = operation(
    None,
    operation_id="list_message_types",
    responses={200: MessageTypesSerializer},
)
