"""The views of organisations."""

from functools import partial
from typing import Any

from django.urls import reverse

from integrations.backend.base.body_parsing import Nothing, read_change
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.organisations import rows, schema
from integrations.backend.organisations.serializers import OrganisationBodySerializer, OrganisationSerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class OrganisationsView(BackendView):
    """The organisations that the API key may see."""

    http_method_names = ["get", "post"]

    @schema.LIST
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("name", "limit", "cursor"))
        found, after = await readers.run(rows.organisations_page, self.caller, request)
        return page_answer(request, OrganisationSerializer(found, many=True).data, after)

    @schema.CREATE
    async def post(self, request: PlainRequest) -> PlainResponse:
        values = read_change(request, OrganisationBodySerializer)
        create = partial(rows.create, self.caller, actor=self.actor, **values)
        return await self.change(create, status=201, location=_location)


class OrganisationView(BackendView):
    """One organisation."""

    http_method_names = ["get", "patch", "delete"]

    @schema.GET
    async def get(self, request: PlainRequest, organisation_id: int) -> PlainResponse:
        check_names(request.query, ())
        found = await readers.run(rows.get_organisation, self.caller, organisation_id)
        return plain_data(OrganisationSerializer(found).data)

    @schema.CHANGE
    async def patch(self, request: PlainRequest, organisation_id: int) -> PlainResponse:
        values = read_change(request, OrganisationBodySerializer, partial=True)
        return await self.change(partial(rows.change, self.caller, organisation_id, actor=self.actor, **values))

    @schema.DELETE
    async def delete(self, request: PlainRequest, organisation_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(rows.delete, self.caller, organisation_id, actor=self.actor))


def _location(content: Any) -> str:
    return reverse("backend-organisation", args=[content["id"]])
