"""The description of the calls about organisations."""

from drf_spectacular.utils import OpenApiParameter

from integrations.backend.base import problems
from integrations.backend.base.schema import PAGING, described, operation, problems_of, query_filter
from integrations.backend.organisations.serializers import (
    OrganisationBodySerializer,
    OrganisationPageSerializer,
    OrganisationSerializer,
)
from integrations.models.api_key import Scope
from integrations.services.outlets.errors import OrganisationExists, StillInUse

_ID = OpenApiParameter("organisation_id", int, OpenApiParameter.PATH, description="The id of the organisation.")
_BODY = {"application/json": OrganisationBodySerializer}
_CREATING = (problems.LIMITED_KEY, OrganisationExists, problems.TOO_LARGE)
_CHANGING = (problems.UNKNOWN_ORGANISATION, OrganisationExists, problems.TOO_LARGE)
_DELETING = (problems.UNKNOWN_ORGANISATION, StillInUse)

LIST = operation(
    Scope.OUTLETS_READ,
    operation_id="list_organisations",
    summary="List organisations",
    description="Lists the organisations that the API key sees, in order of creation.",
    parameters=[query_filter("name", "Only the organisation with this name."), *PAGING],
    responses={200: OrganisationPageSerializer, **problems_of()},
)
CREATE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="create_organisation",
    summary="Create an organisation",
    description=described("Creates an organisation. The API key must be for all organisations.", *_CREATING),
    request=_BODY,
    responses={201: OrganisationSerializer, **problems_of(*_CREATING)},
)
GET = operation(
    Scope.OUTLETS_READ,
    operation_id="get_organisation",
    summary="Get an organisation",
    description=described("Returns one organisation.", problems.UNKNOWN_ORGANISATION),
    parameters=[_ID],
    responses={200: OrganisationSerializer, **problems_of(problems.UNKNOWN_ORGANISATION)},
)
CHANGE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="change_organisation",
    summary="Change an organisation",
    description=described("Changes the given fields of an organisation.", *_CHANGING),
    parameters=[_ID],
    request=_BODY,
    responses={200: OrganisationSerializer, **problems_of(*_CHANGING)},
)
DELETE = operation(
    Scope.OUTLETS_WRITE,
    operation_id="delete_organisation",
    summary="Delete an organisation",
    description=described("Deletes an organisation without outlets and API keys; returns it as it was.", *_DELETING),
    parameters=[_ID],
    request=None,
    responses={200: OrganisationSerializer, **problems_of(*_DELETING)},
)
