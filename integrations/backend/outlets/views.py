"""The views of outlets. `actions` has the views of the actions on one outlet."""

from functools import partial
from typing import Any

from integrations.backend.base.body_parsing import Nothing, read_change
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.outlet_addresses import address_of_outlet
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.problems import invalid
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.outlets import bodies, changes, rows, schema
from integrations.backend.outlets.hashing import take_secret
from integrations.backend.outlets.serializers import OutletSerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class OutletsView(BackendView):
    """The outlets that the API key may see."""

    http_method_names = ["get", "post"]

    @schema.LIST_OUTLETS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, (*rows.FILTERS, "limit", "cursor"))
        found, after = await readers.run(rows.outlets_page, self.caller, request)
        return page_answer(request, OutletSerializer(found, many=True).data, after)

    @schema.CREATE_OUTLET
    async def post(self, request: PlainRequest) -> PlainResponse:
        values = read_change(request, bodies.NewOutletSerializer)
        if "pos_remote_id" not in values and "adopted_secret" in values:
            raise invalid("adopted_secret", "needs pos_remote_id: only an outlet that is enabled has a secret")
        secret = await take_secret(values) if "pos_remote_id" in values else None
        create = partial(changes.create, self.caller, secret=secret, actor=self.actor, **values)
        return await self.change(create, status=201, location=_location)


class OutletView(BackendView):
    """One outlet."""

    http_method_names = ["get", "patch", "delete"]

    @schema.GET_OUTLET
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ())
        return plain_data(await readers.run(changes.get, self.caller, provider_outlet_id))

    @schema.CHANGE_OUTLET
    async def patch(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.OutletChangeSerializer, partial=True)
        return await self.change(partial(changes.change, self.caller, provider_outlet_id, actor=self.actor, **values))

    @schema.DELETE_OUTLET
    async def delete(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(changes.delete, self.caller, provider_outlet_id, actor=self.actor))


def _location(content: Any) -> str:
    return address_of_outlet(content["provider_outlet_id"])
