"""The view of an outlet's check."""

from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.integration import rows, schema
from integrations.backend.integration.serializers import OutletCheckSerializer
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class CheckView(BackendView):
    """The check of an outlet."""

    http_method_names = ["get"]

    @schema.CHECK
    async def get(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        check_names(request.query, ())
        found = await readers.run(rows.get_check, self.caller, provider_outlet_id)
        return plain_data(OutletCheckSerializer(found).data)
