"""What happened, to read: connections, authentication attempts, stray frames, audit events."""

from datetime import datetime
from typing import Protocol

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import AuditEvent, AuthAttempt, Connection, Integration, StrayFrame
from integrations.models.attempt import Outcome
from integrations.services import scope
from integrations.services.pairings import hide_others
from integrations.staff import rights
from integrations.staff.base import ReadOnlyAdmin, Row
from integrations.staff.filters import OpenFilter, TimeFilter
from integrations.staff.presentation import ago, details, ending, exactly, frames, is_open, marked

OF_INTEGRATION = "integration__outlet__organisation"
SEARCH_INTEGRATION = (
    "integration__outlet__name",
    "integration__outlet__organisation__name",
    "integration__outlet__provider_outlet_id",
)


class Dated(Protocol):
    """A record of one moment."""

    at: datetime


class DatedAdmin(ReadOnlyAdmin[Row]):
    """Records of one moment each, the newest first."""

    @admin.display(ordering="at")
    def when(self, row: Dated) -> SafeString | str:
        return ago(row.at, timezone.now())

    @admin.display(description="when")
    def exactly_when(self, row: Dated) -> str:
        return exactly(row.at)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin[Connection]):
    """The websockets of the POSes, open and ended."""

    when_empty = (
        "Here stands each websocket that a POS opened: since when, from where, how it ended. "
        "Hand an outlet's values over to PowerEPOS; its POS will connect."
    )
    organisation_path = OF_INTEGRATION
    list_display = ("opened", "outlet", "ended", "how", "address", "frames")
    list_filter = (OpenFilter, "close_reason", ("opened_at", TimeFilter))
    list_select_related = ("integration__outlet__organisation", "process")
    search_fields = (*SEARCH_INTEGRATION, "address")
    search_help_text = "Outlet, organisation, ProviderOutletID, address"
    fields = (
        "integration", "credential", "opened_exactly", "closed_exactly", "how", "address", "user_agent",
        "frames", "process", "id",
    )  # fmt: skip
    readonly_fields = ("how", "opened_exactly", "closed_exactly", "frames")

    @admin.display(ordering="opened_at")
    def opened(self, row: Connection) -> SafeString | str:
        return ago(row.opened_at, timezone.now())

    @admin.display(ordering="integration__outlet__name")
    def outlet(self, row: Connection) -> SafeString:
        return link_to(row.integration)

    @admin.display(ordering="closed_at")
    def ended(self, row: Connection) -> SafeString | str:
        return ago(row.closed_at, timezone.now())

    @admin.display(description="how it ended")
    def how(self, row: Connection) -> SafeString:
        now = timezone.now()
        code = "" if row.close_code is None else f" ({row.close_code})"
        return marked(f"{ending(row, now)}{code}", "online" if is_open(row, now) else "ended")

    @admin.display(description="opened")
    def opened_exactly(self, row: Connection) -> str:
        return exactly(row.opened_at)

    @admin.display(description="closed")
    def closed_exactly(self, row: Connection) -> str:
        return exactly(row.closed_at) if row.closed_at else "–"

    @admin.display(description="frames in / out / stray")
    def frames(self, row: Connection) -> str:
        return frames(row)


@admin.register(AuthAttempt)
class AuthAttemptAdmin(DatedAdmin[AuthAttempt]):
    """Who came to the POS's door, and why they were let in or not."""

    when_empty = (
        "Here stands each attempt of a POS to get a token or to open its websocket, with the precise reason of "
        "each refusal. Nobody has tried yet: check the two addresses in the POS."
    )
    organisation_path = OF_INTEGRATION
    list_display = ("when", "result", "outlet", "pos_remote_id", "address")
    list_filter = ("outcome", "door", ("at", TimeFilter))
    list_select_related = ("integration__outlet__organisation",)
    search_fields = (*SEARCH_INTEGRATION, "provider_outlet_id", "pos_remote_id", "address")
    search_help_text = "Outlet, organisation, ProviderOutletID or POSRemoteID as sent, address"
    fields = (
        "exactly_when", "outcome", "detail", "door", "integration", "provider_outlet_id", "pos_remote_id", "address",
        "user_agent",
    )  # fmt: skip
    readonly_fields = ("exactly_when",)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Leave out of the details what names other organisations' outlets."""
        changelist = super().get_changelist_instance(request)
        hide_others(changelist.result_list, scope.organisations_of(request.user))
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuthAttempt | None:
        found = super().get_object(request, object_id, from_field)
        hide_others([found] if found else [], scope.organisations_of(request.user))
        return found

    @admin.display(ordering="outcome")
    def result(self, row: AuthAttempt) -> SafeString:
        words = marked(row.get_outcome_display(), "online" if row.outcome == Outcome.ACCEPTED else "refused")
        return format_html('{}<div class="onp-detail">{}</div>', words, row.detail) if row.detail else words

    @admin.display(description="outlet (or ProviderOutletID as sent)", empty_value="–")
    def outlet(self, row: AuthAttempt) -> SafeString | str:
        return link_to(row.integration) if row.integration else row.provider_outlet_id


@admin.register(StrayFrame)
class StrayFrameAdmin(DatedAdmin[StrayFrame]):
    """Frames that nobody understood."""

    when_empty = (
        "Here stand the frames of POSes that nobody understood, shortened and without secrets. None is good news."
    )
    organisation_path = OF_INTEGRATION
    list_display = ("when", "outlet", "kind", "size", "begins")
    list_filter = ("kind", ("at", TimeFilter))
    list_select_related = ("integration__outlet__organisation",)
    search_fields = SEARCH_INTEGRATION
    search_help_text = "Outlet, organisation, ProviderOutletID"
    readonly_fields = ("exactly_when", "frame")

    @admin.display(ordering="integration__outlet__name")
    def outlet(self, row: StrayFrame) -> SafeString:
        return link_to(row.integration)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.list_display if rights.may_see_payload(request) else self.list_display[:-1]

    def get_fields(self, request: HttpRequest, obj: StrayFrame | None = None) -> tuple[str, ...]:  # noqa: ARG002
        every = ("exactly_when", "integration", "kind", "size", "frame", "connection_id")
        return every if rights.may_see_payload(request) else tuple(name for name in every if name != "frame")

    @admin.display
    def begins(self, row: StrayFrame) -> SafeString:
        shortened = row.excerpt if len(row.excerpt) <= 80 else f"{row.excerpt[:80]}…"
        return format_html("<code>{}</code>", shortened)

    @admin.display(description="what it said")
    def frame(self, row: StrayFrame) -> SafeString:
        return format_html('<pre class="onp-frame">{}</pre>', row.excerpt)


@admin.register(AuditEvent)
class AuditEventAdmin(DatedAdmin[AuditEvent]):
    """Who did what. What an event speaks of may be gone: it is named by `subject`, never followed."""

    when_empty = "Here stands every act of staff: who, what, when and from where. Nobody has acted yet."
    organisation_path = "organisation"
    list_display = ("when", "actor_name", "act", "subject", "in_words", "address")
    list_filter = ("verb", ("at", TimeFilter))
    search_fields = ("actor_name", "subject", "address")
    search_help_text = "Person, outlet or organisation, address"
    fields = ("exactly_when", "actor_name", "act", "subject", "in_words", "address")
    readonly_fields = ("exactly_when", "act", "in_words")

    @admin.display(ordering="verb")
    def act(self, row: AuditEvent) -> str:
        return row.get_verb_display()

    @admin.display(description="details", empty_value="–")
    def in_words(self, row: AuditEvent) -> str:
        return details(row.detail)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        by_subject = {"organisation__id__exact", "outlet__id__exact", "integration__id__exact"}
        return lookup in by_subject or super().lookup_allowed(lookup, value, request)


def link_to(integration: Integration) -> SafeString:
    """Return a link to the integration's page; who may not see it is told so there."""
    url = reverse("admin:integrations_integration_change", args=(integration.pk,))
    return format_html('<a href="{}">{}</a>', url, integration)
