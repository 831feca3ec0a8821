"""The description of the calls about events."""

from integrations.backend.base import problems
from integrations.backend.base.schema import PAGING, described, operation, problems_of, query_filter
from integrations.backend.notices.rows import HIGHEST_ID
from integrations.backend.notices.serializers import EventPageSerializer
from integrations.models.api_key import Scope
from integrations.models.notices.notice import NoticeKind

LIST_EVENTS = operation(
    Scope.EVENTS_READ,
    operation_id="list_events",
    description=described(
        "Lists the events of the last 30 days, the oldest first, whether or not a webhook delivers them. Every reader "
        "gets them in the same order, and no event is added before one that was already read.",
        problems.UNKNOWN_OUTLET,
    ),
    parameters=[
        query_filter(
            "after",
            "Only events after the one with this `id`.",
            {"type": "integer", "format": "int64", "minimum": 0, "maximum": HIGHEST_ID},
        ),
        query_filter("kind", "Only events of this type.", enum=NoticeKind.values),
        query_filter("outlet", "Only events of the outlet with this ProviderOutletID."),
        *PAGING,
    ],
    responses={200: EventPageSerializer, **problems_of(problems.UNKNOWN_OUTLET)},
)
