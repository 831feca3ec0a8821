"""Shows staff the state of each one-time hand-over link. A link's URL is shown only once, at its creation."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from integrations.models import HandoverLink, Integration
from integrations.models.clock import shared_now
from integrations.models.handover_link import LinkState, is_in_link_state
from integrations.services.errors import PortalError
from integrations.services.handover import links as handover_links
from integrations.services.people import scope
from integrations.staff.base import forms, rights
from integrations.staff.base.admin import ReadOnlyAdmin
from integrations.staff.base.filters import PortalFilter
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.outlet_actions import IntegrationAction
from integrations.staff.base.presentation import ago, marked
from integrations.staff.records.admin import OF_INTEGRATION, SEARCH_INTEGRATION, link_to
from integrations.text.moments import exactly

SHAPES = {LinkState.LIVE: "never-seen", LinkState.OPENED: "online", LinkState.FAILED: "refused"}


class RevokeLink(IntegrationAction):
    form_class = forms.ActionForm
    title = "Revoke hand-over link"
    button = "Revoke the link"
    words = "staff/handover/words/revoke_link.html"
    link: HandoverLink

    def find(self, pk: int) -> None:
        found = links_seen(self.request).filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such hand-over link.")
        self.link, self.integration, self.outlet = found, found.integration, found.integration.outlet

    def obstacle(self) -> PortalError | None:
        return handover_links.obstacle_to_revoking(self.link)

    def context(self) -> dict[str, Any]:
        return {**super().context(), "link": self.link}

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        handover_links.revoke_link(self.link, actor=self.actor)
        return self.done("Link revoked. It no longer works, and its copy of the secret is erased.")


class LinkStateFilter(PortalFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        return list(LinkState.choices)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[HandoverLink]) -> QuerySet[HandoverLink]:
        chosen = self.value()
        if chosen not in LinkState.values:
            return queryset
        return queryset.filter(is_in_link_state(LinkState(chosen), shared_now()))


@admin.register(HandoverLink)
class HandoverLinkAdmin(ReadOnlyAdmin[HandoverLink]):
    """The links that hand secrets over to PowerEPOS."""

    menu_group = MenuGroup.OUTLETS
    menu_position = 30
    when_empty = (
        "No hand-over links yet. The links appear here: who created each one, whether it was opened, when and from "
        "where."
    )
    first_step = "Create one when you enable an outlet or rotate its secret."
    first_step_needs = ("integrations.add_integration", "integrations.change_integration")
    organisation_path = OF_INTEGRATION
    list_display = ("standing", "outlet", "created", "expires", "ended", "address", "created_by")
    list_filter = (LinkStateFilter,)
    search_fields = (*SEARCH_INTEGRATION, "created_by", "address")
    search_help_text = "Outlet, organisation, ProviderOutletID, person, address"
    fields = ("integration", "credential", "standing", "tries", "created_by", "created_exactly", "expires_exactly",
              "ended_exactly", "ended_reason", "address", "user_agent")  # fmt: skip
    readonly_fields = ("standing", "created_exactly", "expires_exactly", "ended_exactly")

    def get_queryset(self, request: HttpRequest) -> QuerySet[HandoverLink]:
        return links_seen(request)

    def has_view_permission(self, request: HttpRequest, obj: HandoverLink | None = None) -> bool:  # noqa: ARG002
        return rights.may_see(request, Integration)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) or super().has_module_permission(request)

    @admin.display(description="created", ordering="created_at")
    def created(self, link: HandoverLink) -> SafeString | str:
        return ago(link.created_at, shared_now())

    @admin.display(ordering="integration__outlet__name")
    def outlet(self, link: HandoverLink) -> SafeString:
        return link_to(link.integration)

    @admin.display(description="state", ordering="state")
    def standing(self, link: HandoverLink) -> SafeString:
        return state_of(link)

    @admin.display(ordering="expires_at")
    def expires(self, link: HandoverLink) -> SafeString | str:
        now = shared_now()
        return ago(link.expires_at, now) if link.is_live_at(now) else "–"

    @admin.display(ordering="ended_at")
    def ended(self, link: HandoverLink) -> SafeString | str:
        return ago(link.ended_at, shared_now())

    @admin.display(description="created")
    def created_exactly(self, link: HandoverLink) -> str:
        return exactly(link.created_at)

    @admin.display(description="expires")
    def expires_exactly(self, link: HandoverLink) -> str:
        return exactly(link.expires_at)

    @admin.display(description="ended")
    def ended_exactly(self, link: HandoverLink) -> str:
        return exactly(link.ended_at) if link.ended_at else "–"

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(RevokeLink.as_view())
        return [
            path("<int:pk>/revoke/", revoke, name="integrations_handoverlink_revoke"),
            *super().get_urls(),
        ]


def links_seen(request: HttpRequest) -> QuerySet[HandoverLink]:
    """Return the hand-over links of the outlets that this person may see."""
    rows = HandoverLink.objects.select_related("integration__outlet__organisation", "credential").defer("sealed")
    return scope.limit(rows, request.user, "integration__outlet__organisation")


def state_of(link: HandoverLink) -> SafeString:
    """Return the state as text."""
    state = link.state_at(shared_now())
    return marked(state.label, SHAPES.get(state, "ended"))
