from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from integrations.models import Credential, Integration
from integrations.models.clock import shared_now
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.admin import ReadOnlyAdmin
from integrations.staff.base.filters import IntegrationStateFilter, OrganisationOfIntegrationFilter
from integrations.staff.base.outlet_acts import url_name
from integrations.staff.base.presentation import state_cell
from integrations.staff.base.slim_list import SlimList
from integrations.staff.bulk.actions import BulkActions
from integrations.staff.bulk.page import ActOnSelection
from integrations.staff.integration import acts as views
from integrations.staff.integration import check_page
from integrations.staff.integration import page as integration_page
from integrations.staff.requests import ask_page, asked_page

ACTS = {
    "check": check_page.CheckOutlet,
    "ask": ask_page.AskPos,
    "disconnect": views.Disconnect,
    "rotate": views.RotateSecret,
    "end-overlap": views.EndOverlap,
    "disable": views.Disable,
    "reenable": views.EnableAgain,
    "end-wait": views.EndWait,
    "change-pos-remote-id": views.ChangePosRemoteId,
}


@admin.register(Integration)
class IntegrationAdmin(BulkActions, ReadOnlyAdmin[Integration]):
    """The enabled outlets. Actions with their own pages change a row; there is no edit form."""

    menu_position = 30
    page = "staff/integration/page.html"
    when_empty = (
        "No integrations yet. Outlets with Order N Pay enabled appear here, with their POSRemoteID and the first "
        "characters of their secret. Choose an outlet and enable Order N Pay on it."
    )
    organisation_path = "outlet__organisation"
    is_live = True
    list_display = ("outlet", "state", "pos_remote_id", "secret")
    list_filter = (IntegrationStateFilter, OrganisationOfIntegrationFilter)
    search_fields = ("outlet__name", "outlet__organisation__name", "outlet__provider_outlet_id", "pos_remote_id")
    search_help_text = "Name of the outlet or of its organisation, ProviderOutletID, POSRemoteID"
    ordering = ("outlet__organisation__name", "outlet__name")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SlimList]:  # noqa: ARG002
        return SlimList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        rows = super().get_queryset(request).select_related("outlet__organisation", "presence__connection__process")
        match = request.resolver_match
        if match is None or not match.url_name or not match.url_name.endswith("_changelist"):
            return rows
        return rows.prefetch_related(
            Prefetch("credentials", Credential.objects.filter(is_current=True), to_attr="current")
        )

    @admin.display
    def state(self, integration: Integration) -> SafeString:
        return state_cell(integration, shared_now())

    @admin.display(description="secret begins with")
    def secret(self, integration: Integration) -> str:
        (credential,) = integration.current  # type: ignore[attr-defined]
        return f"{credential.shown} (weak)" if credential.is_weak else str(credential.shown)

    def get_urls(self) -> list[URLPattern]:
        acts = [
            path(f"<int:pk>/{act}/", self.admin_site.admin_view(view.as_view()), name=url_name(act))
            for act, view in ACTS.items()
        ]
        asked = self.admin_site.admin_view(asked_page.AskedPage.as_view())
        acts.append(path("<int:pk>/asked/<int:request_pk>/", asked, name=url_name("asked")))
        many = self.admin_site.admin_view(ActOnSelection.as_view())
        acts.append(path("many/<slug:action>/", many, name=url_name("many")))
        return [*acts, *super().get_urls()]

    def page_of(self, request: HttpRequest, row: Integration) -> dict[str, object]:
        """Return the context of one integration's page."""
        seen, with_content = scope.organisations_of(request.user), rights.may_see_payload(request)
        return {
            **integration_page.context_of(row, shared_now(), seen, with_content=with_content),
            "title": str(row),
            "may_act": rights.may_act(request),
            "may_ask": rights.may_ask(request),
        }
