"""The description of the calls about outlets."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiResponse

from integrations.backend.base import problems
from integrations.backend.base.api_key_authentication import Handler
from integrations.backend.base.problems import ProblemKind
from integrations.backend.base.schema import ID_SCHEMA, OUTLET_ID, PAGING, operation, query_filter
from integrations.backend.outlets import bodies, serializers
from integrations.models.api_key import Scope
from integrations.services.connections.errors import MistypedSecret
from integrations.services.errors import NoOverlap, OverlapRunning, PortalError
from integrations.services.integration.errors import (
    AlreadyDisabled,
    AlreadyEnabled,
    NewSecretInUse,
    NotDisabled,
    NothingToDisconnect,
    PosRemoteIdTaken,
    SecretTaken,
    WeakSecret,
)
from integrations.services.outlets.errors import (
    NotEnabled,
    OutletExists,
    ProviderOutletIdInUse,
    ProviderOutletIdTaken,
    StillInUse,
)

_ENABLING = (PosRemoteIdTaken, SecretTaken, WeakSecret, MistypedSecret)
_SAVING = (problems.UNKNOWN_ORGANISATION, OutletExists, ProviderOutletIdTaken)
_ONCE = "`handover` has the values for PowerEPOS. The answer is the only place that ever shows the secret: store it."


def _change(
    operation_id: str,
    summary: str,
    description: str,
    *kinds: ProblemKind | type[PortalError],
    body: type | None = None,
    answer: Any = serializers.WholeOutletSerializer,
) -> Callable[[Handler], Handler]:
    """Return the description of a call that changes one outlet."""
    known = (problems.UNKNOWN_OUTLET, *kinds)
    return operation(
        Scope.OUTLETS_WRITE,
        operation_id=operation_id,
        summary=summary,
        description=description,
        parameters=[OUTLET_ID],
        request={"application/json": body} if body else None,
        responses={200: answer},
        problems=known,
    )


LIST_OUTLETS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_outlets",
    summary="List outlets",
    description="Lists the outlets that the API key sees, in order of creation.",
    parameters=[
        query_filter("provider_outlet_id", "Only the outlet with this ProviderOutletID."),
        query_filter("organisation_id", "Only outlets of the organisation with this id.", ID_SCHEMA),
        query_filter("organisation", "Only outlets of the organisation with this name."),
        query_filter("online", "Only outlets whose POS is connected (true) or not connected (false).", bool),
        *PAGING,
    ],
    responses={200: serializers.OutletPageSerializer},
)
CREATE_OUTLET = operation(
    Scope.OUTLETS_WRITE,
    operation_id="create_outlet",
    summary="Create an outlet",
    description=f"Creates an outlet in an organisation. With `pos_remote_id`, it also enables Order N Pay: {_ONCE}",
    request={"application/json": bodies.NewOutletSerializer},
    responses={201: serializers.CreatedOutletSerializer},
    problems=(*_SAVING, *_ENABLING),
)
GET_OUTLET = operation(
    Scope.OUTLETS_READ,
    operation_id="get_outlet",
    summary="Get an outlet",
    description="Returns one outlet, the status of its POS, and its secrets.",
    parameters=[OUTLET_ID],
    responses={200: serializers.WholeOutletSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
CHANGE_OUTLET = _change(
    "change_outlet",
    "Change an outlet",
    "Changes the given fields of an outlet; `organisation_id` moves it. The ID of an enabled outlet cannot change.",
    *_SAVING,
    ProviderOutletIdInUse,
    body=bodies.OutletChangeSerializer,
)
DELETE_OUTLET = _change(
    "delete_outlet",
    "Delete an outlet",
    "Deletes an outlet that was never enabled; returns it as it was.",
    StillInUse,
    answer=OpenApiResponse(serializers.WholeOutletSerializer, "The outlet as it was."),
)
ENABLE = _change(
    "enable_outlet",
    "Enable Order N Pay for an outlet",
    f"Enables an outlet that was never enabled. {_ONCE}",
    AlreadyEnabled,
    *_ENABLING,
    body=bodies.EnableSerializer,
    answer=serializers.HandedOverOutletSerializer,
)
DISABLE = _change(
    "disable_outlet",
    "Disable an outlet",
    "Disconnects the outlet's POS and refuses it until the outlet is enabled again. Hand-over links are revoked.",
    NotEnabled,
    AlreadyDisabled,
    body=bodies.ReasonSerializer,
)
REENABLE = _change(
    "reenable_outlet",
    "Enable a disabled outlet again",
    "Lets the outlet's POS connect again with the secret that it has.",
    NotEnabled,
    NotDisabled,
    body=bodies.OptionalReasonSerializer,
)
ROTATE_SECRET = _change(
    "rotate_outlet_secret",
    "Rotate the secret of an outlet",
    "Replaces the secret. During the overlap, both secrets work; without one, the POS is disconnected and refused "
    f"until it has the new secret. Hand-over links are revoked. {_ONCE}",
    NotEnabled,
    OverlapRunning,
    body=bodies.RotationSerializer,
    answer=serializers.HandedOverOutletSerializer,
)
REPLACE_UNUSED_SECRET = _change(
    "replace_unused_outlet_secret",
    "Replace the new secret of an overlap",
    "Replaces a new secret that was lost before the POS used it. The old secret stays valid until the same time, so "
    f"the POS stays connected. Hand-over links are revoked. {_ONCE}",
    NotEnabled,
    NoOverlap,
    NewSecretInUse,
    answer=serializers.HandedOverOutletSerializer,
)
END_OVERLAP = _change(
    "end_outlet_overlap",
    "End the overlap of an outlet's old secret",
    "Retires the old secret now. A POS that still uses it is disconnected and refused until it has the new one.",
    NotEnabled,
    NoOverlap,
)
DISCONNECT = _change(
    "disconnect_outlet",
    "Disconnect the POS of an outlet",
    "Closes the POS's connection within two seconds. The POS can connect again at once with its secret.",
    NotEnabled,
    NothingToDisconnect,
    body=bodies.OptionalReasonSerializer,
)
CHANGE_POS_REMOTE_ID = _change(
    "change_outlet_pos_remote_id",
    "Correct the POSRemoteID of an outlet",
    "Changes the POSRemoteID. The POS is disconnected, and can connect again when it sends the new one.",
    NotEnabled,
    PosRemoteIdTaken,
    body=bodies.PosRemoteIdSerializer,
)
