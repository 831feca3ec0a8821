"""Describes the calls that return the history of an outlet."""

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, PAGING, operation
from integrations.backend.connections.serializers import AttemptPageSerializer, ConnectionPageSerializer
from integrations.models.api_key import Scope

LIST_CONNECTIONS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_connections",
    summary="List the connections of an outlet",
    description="Lists the connections of the outlet's POS, newest first, each with the reason of its end.",
    parameters=[OUTLET_ID, *PAGING],
    responses={200: ConnectionPageSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
LIST_ATTEMPTS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_attempts",
    summary="List the attempts of an outlet",
    description=(
        "Lists the attempts to authenticate as the outlet's POS, newest first, each with the reason of its refusal."
    ),
    parameters=[OUTLET_ID, *PAGING],
    responses={200: AttemptPageSerializer},
    problems=(problems.UNKNOWN_OUTLET,),
)
