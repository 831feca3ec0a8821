"""The description of the calls about outlets."""

from integrations.backend.base import problems
from integrations.backend.base.schema import OUTLET_ID, PAGING, operation, problems_of, query_filter
from integrations.backend.outlets.serializers import OutletPageSerializer, OutletSerializer
from integrations.models.api_key import Scope

LIST_OUTLETS = operation(
    Scope.OUTLETS_READ,
    operation_id="list_outlets",
    parameters=[
        query_filter("organisation", "Only outlets of the organisation with this name."),
        query_filter("online", "Only outlets whose POS is connected (true) or not connected (false).", bool),
        *PAGING,
    ],
    responses={200: OutletPageSerializer, **problems_of()},
)
GET_OUTLET = operation(
    Scope.OUTLETS_READ,
    operation_id="get_outlet",
    parameters=[OUTLET_ID],
    responses={200: OutletSerializer, **problems_of(problems.UNKNOWN_OUTLET)},
)
