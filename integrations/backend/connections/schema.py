"""The description of the calls about the history of an outlet."""

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, PAGING, described, operation, problems_of
from integrations.backend.connections.serializers import AttemptPageSerializer, ConnectionPageSerializer
from integrations.models.api_key import Scope

LIST_CONNECTIONS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_connections",
    summary="List the connections of an outlet",
    description=described(
        "Lists the connections of the outlet's POS, newest first, each with the reason of its end.",
        problems.UNKNOWN_OUTLET,
    ),
    parameters=[OUTLET_ID, *PAGING],
    responses={200: ConnectionPageSerializer, **problems_of(problems.UNKNOWN_OUTLET)},
)
LIST_ATTEMPTS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_attempts",
    summary="List the attempts of an outlet",
    description=described(
        "Lists the attempts to authenticate as the outlet's POS, newest first, each with the reason of its refusal.",
        problems.UNKNOWN_OUTLET,
    ),
    parameters=[OUTLET_ID, *PAGING],
    responses={200: AttemptPageSerializer, **problems_of(problems.UNKNOWN_OUTLET)},
)
