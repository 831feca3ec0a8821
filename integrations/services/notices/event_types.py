"""Defines the data of each event, for the OpenAPI document, docs/webhooks.md and the tests.

A test compares these types with the events that the portal reports. Add a new member both here and where the event
is created.
"""

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from integrations.models.attempt import REFUSALS, PosEndpoint, UnrecognisedFrameKind
from integrations.models.audit import ActorKind
from integrations.models.connection import CloseReason
from integrations.models.notices.alert import AlertKind
from integrations.models.notices.notice import NoticeKind
from integrations.models.request import OPEN_STATES, RequestState
from integrations.wire.payloads.json_schema import REFERENCE

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
RequestId = Annotated[str, Meta(extra_json_schema={"format": "uuid"}, description="The id of the request in the API.")]
Traceparent = Annotated[str, Meta(description="The valid `traceparent` of the call that sent the request.")]
_ENDED = [state.value for state in RequestState if state not in OPEN_STATES]
EndState = Annotated[str, Meta(extra_json_schema={"enum": _ENDED})]
_OFFLINE_REASONS = [reason.value for reason in CloseReason if reason is not CloseReason.REPLACED]
EndReason = Annotated[str, Meta(extra_json_schema={"enum": _OFFLINE_REASONS})]
Endpoint = Annotated[str, Meta(extra_json_schema={"enum": PosEndpoint.values})]
RefusalReason = Annotated[str, Meta(extra_json_schema={"enum": [outcome.value for outcome in REFUSALS]})]
FrameKind = Annotated[str, Meta(extra_json_schema={"enum": UnrecognisedFrameKind.values})]
ChangedBy = Annotated[str, Meta(extra_json_schema={"enum": ActorKind.values})]
AlertCause = Annotated[str, Meta(extra_json_schema={"enum": AlertKind.values})]


class EventOrganisation(TypedDict):
    """The organisation that an event is about."""

    id: int
    name: str


class EventOutlet(TypedDict):
    """The outlet that an event is about."""

    provider_outlet_id: str
    name: str


class _OfOutlet(TypedDict):
    organisation: EventOrganisation
    outlet: EventOutlet


class OutletOnlineData(_OfOutlet):
    """A POS has been connected for 30 s."""

    since: Moment


class OutletOfflineData(_OfOutlet):
    """A POS has been disconnected for 30 s."""

    since: Moment
    reason: EndReason | None


class RequestFinishedData(_OfOutlet):
    """A request ended."""

    request: RequestId
    request_id: str
    message_type: int
    state: EndState
    result_code: int | None
    received_at: Moment
    ended_at: Moment
    duration_ms: int
    traceparent: NotRequired[Traceparent]


class AuthenticationRefusedData(TypedDict):
    """The portal refused an authentication or a websocket handshake. `outlet` is null if the outlet is unknown."""

    organisation: EventOrganisation | None
    outlet: EventOutlet | None
    door: Endpoint
    reason: RefusalReason
    provider_outlet_id: Annotated[str, Meta(description="As it was sent.")]
    address: str


class UnrecognisedFrameData(_OfOutlet):
    """A POS sent an unrecognised frame."""

    what: FrameKind
    size_bytes: int


class OutletEnabledData(_OfOutlet):
    """An outlet was enabled, for the first time or again."""

    pos_remote_id: str
    is_first_time: Annotated[bool, Meta(description="False if it was enabled before.")]
    by: ChangedBy


class OutletDisabledData(_OfOutlet):
    """An outlet was disabled."""

    reason: str
    by: ChangedBy


class SecretRotatedData(_OfOutlet):
    """The secret of an outlet was replaced. The event does not contain the new secret."""

    overlap_ends_at: Annotated[Moment | None, Meta(description="The old secret is valid until then.")]
    by: ChangedBy


class AlertSubject(TypedDict):
    """One of the outlets or credentials that an alert is about."""

    name: str
    since: Moment


class AlertBeganData(TypedDict):
    """An alert has begun."""

    alert: Annotated[int, Meta(description="The number of the alert.")]
    what: AlertCause
    organisation: EventOrganisation | None
    since: Moment
    ended_at: Moment | None
    count: int
    subjects: Annotated[list[AlertSubject], Meta(description="The first 50.")]


class AlertEndedData(AlertBeganData):
    """An alert has ended."""


class TestData(TypedDict):
    """A test event, which staff or an API key sent."""

    organisation: EventOrganisation | None
    endpoint: Annotated[str, Meta(description="The name of the webhook endpoint.")]
    sent_by: str


EVENTS: dict[NoticeKind, type] = {
    NoticeKind.OUTLET_ONLINE: OutletOnlineData,
    NoticeKind.OUTLET_OFFLINE: OutletOfflineData,
    NoticeKind.REQUEST_FINISHED: RequestFinishedData,
    NoticeKind.AUTHENTICATION_REFUSED: AuthenticationRefusedData,
    NoticeKind.UNRECOGNISED_FRAME: UnrecognisedFrameData,
    NoticeKind.OUTLET_ENABLED: OutletEnabledData,
    NoticeKind.OUTLET_DISABLED: OutletDisabledData,
    NoticeKind.SECRET_ROTATED: SecretRotatedData,
    NoticeKind.ALERT_BEGAN: AlertBeganData,
    NoticeKind.ALERT_ENDED: AlertEndedData,
    NoticeKind.TEST: TestData,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return JSON Schemas by name, for the data of each event and for the types that the data contains.

    The schemas allow additional members, because later versions may add some. The titles that msgspec adds are removed,
    because they only repeat the names.
    """
    schemas = msgspec.json.schema_components(EVENTS.values(), ref_template=REFERENCE)[1]
    for schema in schemas.values():
        del schema["title"]
    return schemas
