"""The description of the call that checks an outlet."""

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, operation
from integrations.backend.integration.serializers import OutletCheckSerializer
from integrations.models.api_key import Scope
from integrations.services.outlets.errors import NotEnabled

CHECK = operation(
    Scope.OUTLETS_READ,
    operation_id="check_outlet",
    summary="Check which connection steps an outlet's POS has completed",
    description=(
        "Returns the steps from the enabled outlet to the answered request, each with its evidence and the sentence "
        "to tell the person on site, as the portal's page shows them. Sends nothing to the POS."
    ),
    parameters=[OUTLET_ID],
    responses={200: OutletCheckSerializer},
    problems=(
        problems.UNKNOWN_OUTLET,
        NotEnabled,
    ),
)
