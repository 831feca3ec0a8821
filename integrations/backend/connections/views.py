"""The views of the history of an outlet."""

from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.connections import rows, schema
from integrations.backend.connections.serializers import AttemptSerializer, ConnectionSerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class ConnectionsView(BackendView):
    """The connections of an outlet's POS."""

    http_method_names = ["get"]

    @schema.LIST_CONNECTIONS
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ("limit", "cursor"))
        found, after = await readers.run(rows.connections_page, self.caller, provider_outlet_id, request)
        return page_answer(request, ConnectionSerializer(found, many=True).data, after)


class AttemptsView(BackendView):
    """The attempts to authenticate as an outlet's POS."""

    http_method_names = ["get"]

    @schema.LIST_ATTEMPTS
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ("limit", "cursor"))
        found, after = await readers.run(rows.attempts_page, self.caller, provider_outlet_id, request)
        return page_answer(request, AttemptSerializer(found, many=True).data, after)
