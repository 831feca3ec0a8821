"""The views of outlets."""

from integrations.backend.base.answers import plain_data
from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.outlets import rows
from integrations.backend.outlets.schema import GET_OUTLET, LIST_OUTLETS
from integrations.backend.outlets.serializers import OutletSerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class OutletsView(BackendView):
    """The outlets that the API key may see."""

    http_method_names = ["get"]

    @LIST_OUTLETS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("organisation", "online", "limit", "cursor"))
        found, after = await readers.run(rows.outlets_page, self.caller, request.query)
        return page_answer(request, OutletSerializer(found, many=True).data, after)


class OutletView(BackendView):
    """One outlet."""

    http_method_names = ["get"]

    @GET_OUTLET
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ())
        return plain_data(OutletSerializer(await readers.run(rows.get_outlet, self.caller, provider_outlet_id)).data)
