"""Read-only lists of past events: connections, authentication attempts, unrecognised frames, audit events."""

from datetime import datetime
from typing import Protocol

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from integrations.models import AuditEvent, Connection, Integration, Outlet, UnrecognisedFrame
from integrations.models.clock import shared_now
from integrations.services.connections.ending_texts import ending
from integrations.services.outlets.moves import explain_moves
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.admin import Row
from integrations.staff.base.filters import (
    ActionFilter,
    DatesFilter,
    OpenFilter,
    OrganisationOfRecordFilter,
)
from integrations.staff.base.keyset_lists import KeysetAdmin, Parents
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago, details, frames, marked
from integrations.staff.records.person_filter import PersonFilter
from integrations.text.moments import exactly

OF_INTEGRATION = "integration__outlet__organisation"
SEARCH_INTEGRATION = (
    "integration__outlet__name",
    "integration__outlet__organisation__name",
    "integration__outlet__provider_outlet_id",
)
BY_INTEGRATION_ID = {"integration__id__exact": "integration"}


class Dated(Protocol):
    """A record with a single time, `at`."""

    at: datetime


class DatedAdmin(KeysetAdmin[Row]):
    """A list of records that have a single time, `at`; the newest record is first."""

    time_field = "at"

    @admin.display
    def when(self, row: Dated) -> SafeString | str:
        return ago(row.at, shared_now())

    @admin.display(description="when")
    def exactly_when(self, row: Dated) -> str:
        return exactly(row.at)


@admin.register(Connection)
class ConnectionAdmin(KeysetAdmin[Connection]):
    """The websockets of the POSes, open and ended."""

    menu_group = MenuGroup.ACTIVITY
    menu_position = 20
    when_empty = (
        "No connections yet. The websocket connections of POSes appear here: when and from where each was opened, and "
        "how it ended."
    )
    first_step = "First hand an outlet's values over to PowerEPOS."
    first_step_needs = ("integrations.add_integration",)
    organisation_path = OF_INTEGRATION
    list_display = ("how", "outlet", "opened", "ended", "address", "frames")
    list_filter = (OpenFilter, "close_reason", OrganisationOfRecordFilter, DatesFilter)
    list_select_related = ("integration__outlet__organisation", "process")
    search_help_text = "Outlet, organisation, ProviderOutletID, POSRemoteID; address or its first characters"
    time_field = "opened_at"
    equal = {**BY_INTEGRATION_ID, "close_reason__exact": "close_reason"}
    served = (("integration",), ("closed_at",), ("close_reason",))
    links = ("integration__id__exact",)
    texts = ("address",)
    fields = (
        "integration", "credential", "opened_exactly", "closed_exactly", "how", "address", "user_agent",
        "origin", "frames", "process", "id",
    )  # fmt: skip
    readonly_fields = ("how", "opened_exactly", "closed_exactly", "frames")

    @admin.display
    def opened(self, row: Connection) -> SafeString | str:
        return ago(row.opened_at, shared_now())

    @admin.display
    def outlet(self, row: Connection) -> SafeString:
        return link_to(row.integration)

    @admin.display
    def ended(self, row: Connection) -> SafeString | str:
        return ago(row.closed_at, shared_now())

    @admin.display(description="state")
    def how(self, row: Connection) -> SafeString:
        now = shared_now()
        code = "" if row.close_code is None else f" ({row.close_code})"
        return marked(f"{ending(row, now)}{code}", "online" if row.is_open_at(now) else "ended")

    @admin.display(description="opened")
    def opened_exactly(self, row: Connection) -> str:
        return exactly(row.opened_at)

    @admin.display(description="closed")
    def closed_exactly(self, row: Connection) -> str:
        return exactly(row.closed_at) if row.closed_at else "–"

    @admin.display(description="frames in / out / unrecognised")
    def frames(self, row: Connection) -> str:
        return frames(row)


@admin.register(UnrecognisedFrame)
class UnrecognisedFrameAdmin(DatedAdmin[UnrecognisedFrame]):
    """Frames that the portal did not recognise."""

    menu_group = MenuGroup.ACTIVITY
    menu_position = 40
    when_empty = "No unrecognised frames. Any that a POS sends appear here, shortened and without secrets."
    organisation_path = OF_INTEGRATION
    list_display = ("kind", "outlet", "when", "size", "begins")
    list_filter = ("kind", OrganisationOfRecordFilter, DatesFilter)
    list_select_related = ("integration__outlet__organisation",)
    search_help_text = "Outlet, organisation, ProviderOutletID, POSRemoteID"
    equal = BY_INTEGRATION_ID
    served = (("integration",),)
    links = ("integration__id__exact",)
    readonly_fields = ("exactly_when", "frame")

    @admin.display
    def outlet(self, row: UnrecognisedFrame) -> SafeString:
        return link_to(row.integration)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.list_display if rights.may_see_payload(request) else self.list_display[:-1]

    def get_fields(self, request: HttpRequest, obj: UnrecognisedFrame | None = None) -> tuple[str, ...]:  # noqa: ARG002
        every = ("exactly_when", "integration", "kind", "size", "frame", "connection_id")
        return every if rights.may_see_payload(request) else tuple(name for name in every if name != "frame")

    @admin.display
    def begins(self, row: UnrecognisedFrame) -> SafeString:
        shortened = row.excerpt if len(row.excerpt) <= 80 else f"{row.excerpt[:80]}…"
        return format_html("<code>{}</code>", shortened)

    @admin.display(description="content")
    def frame(self, row: UnrecognisedFrame) -> SafeString:
        return format_html('<pre class="onp-frame">{}</pre>', row.excerpt)


@admin.register(AuditEvent)
class AuditEventAdmin(DatedAdmin[AuditEvent]):
    """The changes by staff, systems and commands.

    The row that an event is about may have been deleted. So the list shows the event's `subject` instead of following
    the reference to the row.
    """

    menu_group = MenuGroup.ACTIVITY
    menu_position = 50
    when_empty = (
        "No activity yet. Every change by staff, a system or a command appears here, with its author, time and address."
    )
    organisation_path = "organisation"
    list_display = ("action", "subject", "when", "who", "in_words", "address")
    list_filter = (PersonFilter, DatesFilter, ("verb", ActionFilter))
    search_help_text = (
        "Outlet, its organisation or one of its IDs; the first characters of a person, an address or a subject"
    )
    parents = Parents(Outlet, "outlet", "organisation")
    organisation_field = "organisation"
    equal = {
        "integration__id__exact": "integration", "outlet__id__exact": "outlet",
        "organisation__id__exact": "organisation", "verb__exact": "verb",
    }  # fmt: skip
    served = (("integration",), ("outlet",), ("organisation",), ("actor_name",), ("verb",))
    texts = ("actor_name", "subject", "address")
    links = ("organisation__id__exact", "outlet__id__exact", "integration__id__exact")
    fields = ("exactly_when", "person", "action", "subject", "in_words", "address")
    readonly_fields = ("exactly_when", "person", "action", "in_words")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list. The details of the events name only organisations that this person may see."""
        changelist = super().get_changelist_instance(request)
        explain_moves(changelist.result_list, scope.organisations_of(request.user))
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuditEvent | None:
        found = super().get_object(request, object_id, from_field)
        explain_moves([found] if found else [], scope.organisations_of(request.user))
        return found

    @admin.display(description="person")
    def who(self, row: AuditEvent) -> SafeString:
        query = urlencode({PersonFilter.parameter_name: PersonFilter.exactly(row.actor_name)})
        return format_html('<a href="?{}">{}</a>', query, row.actor_name)

    @admin.display
    def person(self, row: AuditEvent) -> str:
        return row.actor_name

    @admin.display(description="action")
    def action(self, row: AuditEvent) -> str:
        return row.get_verb_display()

    @admin.display(description="details", empty_value="–")
    def in_words(self, row: AuditEvent) -> str:
        return details(row.detail)


def link_to(integration: Integration) -> SafeString:
    """Return a link to the outlet's page, even if the viewer may not open that page."""
    url = reverse("admin:integrations_outlet_change", args=(integration.outlet_id,))
    return format_html('<a href="{}">{}</a>', url, integration)
