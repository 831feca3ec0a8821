"""The views of hand-over links."""

from functools import partial
from typing import Any

from integrations.backend.base.body_parsing import Nothing, read_change
from integrations.backend.base.outlet_addresses import address_of_outlet
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.handover import rows, schema
from integrations.backend.handover.serializers import HandoverLinkSerializer, NewLinkBodySerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class HandoverLinksView(BackendView):
    """The hand-over links of an outlet."""

    http_method_names = ["get", "post"]

    @schema.LIST
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ("limit", "cursor"))
        found, after = await readers.run(rows.links_page, self.caller, provider_outlet_id, request)
        return page_answer(request, HandoverLinkSerializer(found, many=True).data, after)

    @schema.CREATE
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, NewLinkBodySerializer)
        create = partial(rows.create, self.caller, provider_outlet_id, actor=self.actor, **values)
        return await self.change(create, status=201, location=partial(_location, provider_outlet_id))


class HandoverLinkView(BackendView):
    """One hand-over link."""

    http_method_names = ["delete"]

    @schema.REVOKE
    async def delete(self, request: PlainRequest, provider_outlet_id: str, link_id: int) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(rows.revoke, self.caller, provider_outlet_id, link_id, actor=self.actor))


def _location(provider_outlet_id: str, content: Any) -> str:
    return address_of_outlet(provider_outlet_id, "handover-links", str(content["id"]))
