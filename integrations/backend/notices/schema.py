"""The description of the calls about events, webhook endpoints and deliveries."""

from drf_spectacular.utils import OpenApiResponse

from integrations.backend.base import problems
from integrations.backend.base.schema import ID_SCHEMA, PAGING, operation, query_filter, row_id
from integrations.backend.notices.bodies import (
    EndpointChangeSerializer,
    EndpointRotationSerializer,
    NewEndpointSerializer,
)
from integrations.backend.notices.serializers import (
    DeliveryPageSerializer,
    DeliverySerializer,
    EndpointPageSerializer,
    EndpointSerializer,
    EndpointWithSecretSerializer,
    EventPageSerializer,
)
from integrations.models.api_key import Scope
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.services.errors import NoOverlap, OverlapRunning
from integrations.services.notices.errors import WebhookDisabled, WebhookEnabled, WebhookExists
from integrations.services.notices.notice_chores import NOTICE_DAYS

LIST_EVENTS = operation(
    Scope.EVENTS_READ,
    operation_id="list_events",
    summary="List events",
    description=(
        f"Lists the events of the last {NOTICE_DAYS} days, the oldest first, whether or not a webhook delivers them. "
        "Every reader gets them in the same order, and no event is added before one that was already read."
    ),
    parameters=[
        query_filter("after", "Only events after the one with this `id`.", ID_SCHEMA | {"minimum": 0}),
        query_filter("kind", "Only events of this type.", enum=NoticeKind.values),
        query_filter("outlet", "Only events of the outlet with this ProviderOutletID."),
        *PAGING,
    ],
    responses={200: EventPageSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
_ENDPOINT_ID = row_id("endpoint_id", "The id of the endpoint.")
_DELIVERY_ID = row_id("delivery_id", "The id of the delivery.")

LIST_ENDPOINTS = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="list_webhook_endpoints",
    summary="List webhook endpoints",
    description="Lists the webhook endpoints that the API key sees, in order of creation.",
    parameters=PAGING,
    responses={200: EndpointPageSerializer},
)
CREATE_ENDPOINT = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="create_webhook_endpoint",
    summary="Create a webhook endpoint",
    description="Creates a webhook endpoint, and returns its secret, which is shown only once.",
    request={"application/json": NewEndpointSerializer},
    responses={201: EndpointWithSecretSerializer},
    problems=(problems.UNKNOWN_ORGANISATION, WebhookExists),
)
GET_ENDPOINT = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="get_webhook_endpoint",
    summary="Get a webhook endpoint",
    description="Returns one webhook endpoint, without its secret.",
    parameters=[_ENDPOINT_ID],
    responses={200: EndpointSerializer},
    problems=(problems.UNKNOWN_WEBHOOK,),
)
CHANGE_ENDPOINT = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="change_webhook_endpoint",
    summary="Change a webhook endpoint",
    description="Changes the given fields, and enables or disables the endpoint.",
    parameters=[_ENDPOINT_ID],
    request={"application/json": EndpointChangeSerializer},
    responses={200: EndpointSerializer},
    problems=(problems.UNKNOWN_WEBHOOK, WebhookDisabled, WebhookEnabled),
)
DELETE_ENDPOINT = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="delete_webhook_endpoint",
    summary="Delete a webhook endpoint",
    description=(
        "Deletes a webhook endpoint with its deliveries, and returns it as it was. Its events stay in the event log."
    ),
    parameters=[_ENDPOINT_ID],
    request=None,
    responses={200: OpenApiResponse(EndpointSerializer, "The webhook endpoint as it was.")},
    problems=(problems.UNKNOWN_WEBHOOK,),
)
ROTATE_ENDPOINT_SECRET = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="rotate_webhook_endpoint_secret",
    summary="Rotate the secret of a webhook endpoint",
    description=(
        "Replaces the secret, and returns the new one, which is shown only once. During the overlap, each event is "
        "signed with both."
    ),
    parameters=[_ENDPOINT_ID],
    request={"application/json": EndpointRotationSerializer},
    responses={200: EndpointWithSecretSerializer},
    problems=(problems.UNKNOWN_WEBHOOK, OverlapRunning),
)
END_ENDPOINT_OVERLAP = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="end_webhook_endpoint_overlap",
    summary="End the overlap of an old secret",
    description="Signs events with the new secret only, from now on.",
    parameters=[_ENDPOINT_ID],
    request=None,
    responses={200: EndpointSerializer},
    problems=(problems.UNKNOWN_WEBHOOK, NoOverlap),
)
TEST_ENDPOINT = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="test_webhook_endpoint",
    summary="Send a test event",
    description="Sends a test event to the endpoint at once, and returns its delivery.",
    parameters=[_ENDPOINT_ID],
    request=None,
    responses={200: DeliverySerializer},
    problems=(problems.UNKNOWN_WEBHOOK, WebhookDisabled),
)
LIST_DELIVERIES = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="list_deliveries",
    summary="List deliveries",
    description=f"Lists the deliveries of the last {NOTICE_DAYS} days, the newest first.",
    parameters=[
        query_filter("endpoint_id", "Only deliveries to this webhook endpoint.", ID_SCHEMA),
        query_filter("state", "Only deliveries in this state.", enum=DeliveryState.values),
        *PAGING,
    ],
    responses={200: DeliveryPageSerializer},
    problems=(problems.UNKNOWN_WEBHOOK,),
)
GET_DELIVERY = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="get_delivery",
    summary="Get a delivery",
    description="Returns one delivery with the receiver's last answer.",
    parameters=[_DELIVERY_ID],
    responses={200: DeliverySerializer},
    problems=(problems.UNKNOWN_DELIVERY,),
)
REPLAY_DELIVERY = operation(
    Scope.WEBHOOKS_WRITE,
    operation_id="replay_delivery",
    summary="Send an event again",
    description=(
        "Sends the event again at once, with the same `webhook-id`, and returns the delivery. Ends a pause that the "
        "receiver asked for."
    ),
    parameters=[_DELIVERY_ID],
    request=None,
    responses={200: DeliverySerializer},
    problems=(problems.UNKNOWN_DELIVERY, WebhookDisabled),
)
