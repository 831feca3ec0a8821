"""The description of the calls about hand-over links."""

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, PAGING, operation, row_id
from integrations.backend.handover import serializers
from integrations.models.api_key import Scope
from integrations.services.errors import OverlapRunning
from integrations.services.handover.errors import LinkEnded
from integrations.services.integration.errors import AlreadyEnabled, PosRemoteIdTaken
from integrations.services.outlets.errors import NotEnabled

_LINK_ID = row_id("link_id", "The id of the link.")

LIST = operation(
    Scope.OUTLETS_READ,
    operation_id="list_handover_links",
    summary="List the hand-over links of an outlet",
    description="Lists the one-time links of an outlet, newest first.",
    parameters=[OUTLET_ID, *PAGING],
    responses={200: serializers.HandoverLinkPageSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
CREATE = operation(
    Scope.HANDOVER_WRITE,
    operation_id="create_handover_link",
    summary="Create a hand-over link",
    description=(
        "Creates a new secret and returns a one-time link to it instead of the secret: the secret of an enabled "
        "outlet is rotated, and an outlet that was never enabled is enabled with `pos_remote_id`. Only this answer "
        "ever shows the link and its passphrase. Earlier links of the outlet are revoked."
    ),
    parameters=[OUTLET_ID],
    request={"application/json": serializers.NewLinkBodySerializer},
    responses={201: serializers.NewHandoverLinkSerializer},
    problems=(
        problems.UNKNOWN_OUTLET,
        NotEnabled,
        AlreadyEnabled,
        OverlapRunning,
        PosRemoteIdTaken,
    ),
)
REVOKE = operation(
    Scope.HANDOVER_WRITE,
    operation_id="revoke_handover_link",
    summary="Revoke a hand-over link",
    description="Revokes an unopened link, erases its copy of the secret, and returns the link.",
    parameters=[OUTLET_ID, _LINK_ID],
    request=None,
    responses={200: serializers.HandoverLinkSerializer},
    problems=(problems.UNKNOWN_OUTLET, problems.UNKNOWN_LINK, LinkEnded),
)
