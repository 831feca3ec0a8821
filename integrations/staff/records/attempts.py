"""The list of authentication attempts, and the page that explains one of them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.services.integration.attempt_advice import outlet_meant, outlet_named, read_advice
from integrations.services.integration.pairings import OWNER_NAMED, explain
from integrations.services.outlets.search import beginning_with, newest_under_another_id, sent_under_another_id
from integrations.services.people import scope
from integrations.services.rows.keyset_pages import FEW, Few, Source
from integrations.staff.base import rights
from integrations.staff.base.filters import DatesFilter, OrganisationOfRecordFilter
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import marked
from integrations.staff.records.admin import BY_INTEGRATION_ID, OF_INTEGRATION, DatedAdmin, link_to
from integrations.text.characters import show_hidden


@admin.register(AuthAttempt)
class AuthAttemptAdmin(DatedAdmin[AuthAttempt]):
    """The attempts to authenticate as a POS, with the reason of each refusal."""

    menu_group = MenuGroup.ACTIVITY
    menu_position = 30
    when_empty = (
        "No authentication attempts yet. Each attempt of a POS to get a token or to open its websocket appears here, "
        "with the exact reason of each refusal. Check AuthURL and WebsocketURL in PowerEPOS."
    )
    organisation_path = OF_INTEGRATION
    list_display = ("result", "outlet", "when", "remote_id", "address")
    list_display_links = ("result", "when")
    list_filter = ("outcome", "endpoint", OrganisationOfRecordFilter, DatesFilter)
    list_select_related = ("integration__outlet__organisation", OWNER_NAMED)
    search_help_text = (
        "Outlet, organisation, ProviderOutletID, POSRemoteID, also as sent by a refused till; an address; or the first "
        "characters of an address or of a value that was sent"
    )
    equal = {**BY_INTEGRATION_ID, "outcome__exact": "outcome"}
    served = (("integration",), ("outcome",))
    links = ("integration__id__exact", "at__gt")
    texts = ("address", "provider_outlet_id")  # see begins_with
    page = "staff/records/attempt.html"

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list. The details omit the names of outlets that this person may not see."""
        changelist = super().get_changelist_instance(request)
        explain(changelist.result_list, scope.organisations_of(request.user))
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuthAttempt | None:
        found = super().get_object(request, object_id, from_field)
        explain([found] if found else [], scope.organisations_of(request.user))
        return found

    def page_of(self, request: HttpRequest, row: AuthAttempt) -> dict[str, object]:
        """Return the context of one attempt's page: why it was refused, and what to do about it."""
        organisations = scope.organisations_of(request.user)
        meant = outlet_meant(row, organisations)
        named = None if meant else outlet_named(row, organisations)
        return {
            "title": "Authentication attempt",
            "subject": "",
            "attempt": row,
            "advice": read_advice(row, meant, shared_now(), named=named),
            "named": named,
            "integration": meant,
            "own": row.integration,
            "may_act": rights.may_act(request),
            "may_enable": rights.may_enable(request),
            "may_check": rights.may_see(request, Integration),
        }

    def found_by(self, text: str) -> Q:
        return super().found_by(text) | sent_under_another_id(text)

    def begins_with(self, text: str) -> Q:
        """Return the condition for attempts whose address begins with `text`.

        An attempt for an unknown outlet also matches if its ProviderOutletID begins with `text`. `found_by` finds
        attempts for known outlets by the names and IDs of the outlet.
        """
        unknown = beginning_with("provider_outlet_id", text) & Q(integration=None)
        return beginning_with("address", text) | unknown

    def searched_in(self, text: str, rows: QuerySet[AuthAttempt], parents: QuerySet[Any]) -> list[Source]:
        """Return the sources of a search, including the newest attempts that `sent_under_another_id` matches."""
        called, _ = super().searched_in(text, rows, parents)
        sent = rows.filter(sent_under_another_id(text))
        unknown, wrong = (sent.filter(pk__in=keys).order_by().values("pk") for keys in newest_under_another_id())
        owners = Integration.objects.filter(beginning_with("pos_remote_id", text)).values("pk")
        found = (
            rows.filter(self.begins_with(text)),
            rows.filter(pos_remote_id_of__isnull=False, pos_remote_id_of__in=owners),
        )
        few = (rows.filter(pk__in=each.order_by().values("pk")[: FEW + 1]) for each in found)
        begins, of_owners = (each.order_by().values("pk") for each in few)
        return [called, Few(begins.union(of_owners, unknown, wrong), rows)]

    @admin.display
    def result(self, row: AuthAttempt) -> SafeString:
        words = marked(row.get_outcome_display(), "online" if row.outcome == Outcome.ACCEPTED else "refused")
        return format_html('{}<div class="onp-detail">{}</div>', words, row.detail) if row.detail else words

    @admin.display(description="outlet (or ProviderOutletID as sent)", empty_value="–")
    def outlet(self, row: AuthAttempt) -> SafeString | str | None:
        return link_to(row.integration) if row.integration else show_hidden(row.provider_outlet_id) or None

    @admin.display(description="POSRemoteID as sent")
    def remote_id(self, row: AuthAttempt) -> str:
        return show_hidden(row.pos_remote_id)
