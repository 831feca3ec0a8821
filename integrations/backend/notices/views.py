"""The views of events."""

from integrations.backend.base.pagination import page_answer
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.backend.notices import rows
from integrations.backend.notices.schema import LIST_EVENTS
from integrations.backend.notices.serializers import event
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class EventsView(BackendView):
    """The event log, the oldest event first."""

    http_method_names = ["get"]

    @LIST_EVENTS
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ("after", "kind", "outlet", "limit", "cursor"))
        found, position = await readers.run(rows.events_page, self.caller, request.query)
        return page_answer(request, [event(each) for each in found], position)
