from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import AuditEvent, Request
from integrations.models.clock import shared_now
from integrations.services.outlets.search import received_within
from integrations.services.people import scope
from integrations.services.requests.summaries import duration
from integrations.staff.base import rights
from integrations.staff.base.filters import (
    DatesFilter,
    MessageTypeFilter,
    OrganisationOfRecordFilter,
    ResultCodeFilter,
)
from integrations.staff.base.keyset_lists import KeysetAdmin
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago
from integrations.staff.records.admin import OF_INTEGRATION, link_to
from integrations.staff.requests.descriptions import outcome, request_badge, time_line, type_of, with_type_names
from integrations.staff.requests.legible import legible
from integrations.staff.requests.sender_filter import SenderFilter

LISTED_ID = 40
# Columns that may be long. Only the page of one request shows them.
CONTENT = ("payload", "answer", "error_message")


@admin.register(Request)
class RequestAdmin(KeysetAdmin[Request]):
    """The list of requests and the page of each one."""

    menu_group = MenuGroup.ACTIVITY
    menu_position = 10
    page = "staff/requests/page.html"
    when_empty = "No requests yet. The requests that your systems send to POSes appear here with their results."
    first_step = "Create an API key and send the first one."
    first_step_needs = ("integrations.add_apikey",)
    organisation_path = OF_INTEGRATION
    list_display = ("standing", "outlet", "received", "kind", "duration", "code", "shown_id")
    list_filter = ("state", MessageTypeFilter, ResultCodeFilter, OrganisationOfRecordFilter, DatesFilter)
    search_help_text = (
        "Outlet, organisation, ProviderOutletID, POSRemoteID; RequestID, correlation ID, or its first characters"
    )
    ordering = ("-id",)
    moment = "received_at"
    equal = {"integration__id__exact": "integration", "state__exact": "state", "api_key__id__exact": "api_key"}
    served = (
        ("integration", "state"), ("integration",), ("result_code", "state"), ("api_key",), ("message_type",),
        ("state",),
    )  # fmt: skip
    is_of_parent_too = ("state",)
    texts = ("request_id", "correlation_id")
    links = ("integration__id__exact", "api_key__id__exact", "ended_at__gt")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters. The filter by person reads audit events, so it requires the permission to see them."""
        return (*self.list_filter, SenderFilter) if rights.may_see(request, AuditEvent) else self.list_filter

    def get_queryset(self, request: HttpRequest) -> QuerySet[Request]:
        return self.to_show(super().get_queryset(request))

    def to_show(self, rows: QuerySet[Request]) -> QuerySet[Request]:
        rows = rows.select_related("integration__outlet__organisation", "api_key")
        return with_type_names(rows).defer(*CONTENT, "sealed_request", "sealed_answer")

    def within_times(self, rows: QuerySet[Request], times: dict[str, datetime]) -> QuerySet[Request]:
        return received_within(rows, since=times.get("received_at__gte"), until=times.get("received_at__lt"))

    @admin.display
    def received(self, row: Request) -> SafeString | str:
        return ago(row.received_at, shared_now())

    @admin.display
    def outlet(self, row: Request) -> SafeString:
        return link_to(row.integration)

    @admin.display(description="message type")
    def kind(self, row: Request) -> str:
        return type_of(row)

    @admin.display(description="RequestID")
    def shown_id(self, row: Request) -> SafeString:
        shortened = row.request_id if len(row.request_id) <= LISTED_ID else f"{row.request_id[:LISTED_ID]}…"
        return format_html('<code class="onp-id" title="{}">{}</code>', row.request_id, shortened)

    @admin.display(description="state")
    def standing(self, row: Request) -> SafeString:
        return request_badge(row)

    @admin.display(description="took")
    def duration(self, row: Request) -> SafeString:
        return format_html('<span class="onp-number">{}</span>', duration(row))

    @admin.display(description="result code")
    def code(self, row: Request) -> SafeString | int | None:
        if not row.result_code:
            return row.result_code
        words = f"All requests with ResultCode {row.result_code}"
        return format_html('<a href="?result_code={0}" title="{1}">{0}</a>', row.result_code, words)

    def page_of(self, request: HttpRequest, row: Request) -> dict[str, object]:
        """Return the page's context: everything about one request except its secrets."""
        content = _page_of(row, with_content=rights.may_see_payload(request))
        content["sees_key"] = row.api_key and scope.may_see_row_of(request.user, row.api_key.organisation_id)
        return content


def _page_of(row: Request, *, with_content: bool) -> dict[str, object]:
    row.refresh_from_db(fields=CONTENT)
    if not with_content:
        row.payload, row.answer, row.error_message = "", None, None
    return {
        "with_content": with_content,
        "title": f"Request {row.request_id}",
        "row": row,
        "message_type": type_of(row),
        "outcome": outcome(row, with_content=with_content),
        "moments": time_line(row, shared_now()),
        "payload": legible(row.payload) if row.payload else "",
        "answer": legible(row.answer) if row.answer else "",
    }
