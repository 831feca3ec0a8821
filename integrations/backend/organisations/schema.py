"""The description of the calls about organisations."""

from drf_spectacular.utils import OpenApiResponse

from integrations.backend.base import problems
from integrations.backend.base.schema import PAGING, operation, query_filter, row_id
from integrations.backend.organisations.serializers import (
    OrganisationBodySerializer,
    OrganisationPageSerializer,
    OrganisationSerializer,
)
from integrations.models.api_key import Scope
from integrations.services.outlets.errors import OrganisationExists, StillInUse

_ID = row_id("organisation_id", "The id of the organisation.")
_BODY = {"application/json": OrganisationBodySerializer}

LIST = operation(
    Scope.OUTLETS_READ,
    operation_id="list_organisations",
    summary="List organisations",
    description="Lists the organisations that the API key sees, in order of creation.",
    parameters=[query_filter("name", "Only the organisation with this name."), *PAGING],
    responses={200: OrganisationPageSerializer},
)
CREATE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="create_organisation",
    summary="Create an organisation",
    description="Creates an organisation. The API key must be for all organisations.",
    request=_BODY,
    responses={201: OrganisationSerializer},
    problems=(problems.LIMITED_KEY, OrganisationExists),
)
GET = operation(
    Scope.OUTLETS_READ,
    operation_id="get_organisation",
    summary="Get an organisation",
    description="Returns one organisation.",
    parameters=[_ID],
    responses={200: OrganisationSerializer},
    problems=(problems.UNKNOWN_ORGANISATION,),
)
CHANGE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="change_organisation",
    summary="Change an organisation",
    description="Changes the given fields of an organisation.",
    parameters=[_ID],
    request=_BODY,
    responses={200: OrganisationSerializer},
    problems=(problems.UNKNOWN_ORGANISATION, OrganisationExists),
)
DELETE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="delete_organisation",
    summary="Delete an organisation",
    description="Deletes an organisation without outlets and API keys; returns it as it was.",
    parameters=[_ID],
    request=None,
    responses={200: OpenApiResponse(OrganisationSerializer, "The organisation as it was.")},
    problems=(problems.UNKNOWN_ORGANISATION, StillInUse),
)
