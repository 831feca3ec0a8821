from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Field, Prefetch, QuerySet
from django.forms import Field as FormField
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import Credential, Integration, Outlet
from integrations.models.clock import shared_now
from integrations.services.integration.check_evidence import key_columns, keys_in
from integrations.services.outlets import near_names, outlets
from integrations.services.outlets.errors import OutletExists
from integrations.services.outlets.search import outlet_found_by
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.admin import PageAdmin, warn_of_near_name
from integrations.staff.base.filters import OrganisationFilter, OutletStateFilter
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago, standing_of, state_cell
from integrations.staff.base.slim_list import SlimList
from integrations.staff.bulk.actions import BulkActions
from integrations.staff.bulk.page import EnableFromFile
from integrations.staff.integration import page as integration_page
from integrations.staff.integration.enable_actions import EnableNewOutlet, EnableOutlet
from integrations.staff.outlets import export as outlets_export
from integrations.staff.outlets.search_page import SEARCH_HELP, without_secret
from integrations.staff.outlets.suggestions import suggest
from integrations.staff.signing_in.actors import actor_of

ADD_ORGANISATION = 'Not in the list? <a href="{}">Add the organisation</a> first.'


@admin.register(Outlet)
class OutletAdmin(BulkActions, PageAdmin[Outlet]):
    """The customers' sites and their state.

    For enabled outlets, the list also shows the POSRemoteID and, with the right to see integrations, the beginning of
    the secret.
    """

    menu_group = MenuGroup.OUTLETS
    menu_position = 10
    when_empty = (
        "No outlets yet. An outlet is one site of a customer. Outlets appear here with their state: not enabled, "
        "online, offline or disabled."
    )
    first_step = "Choose “Enable an outlet” to create the first one."
    first_step_needs = ("integrations.add_integration", "integrations.add_outlet")
    page = "staff/integration/page.html"
    organisation_path = "organisation"
    is_live = True
    list_filter = (OutletStateFilter, OrganisationFilter)
    list_select_related = ("organisation", "integration__presence__connection__process")
    search_fields = ("name", "organisation__name", "provider_outlet_id", "integration__pos_remote_id")
    search_help_text = SEARCH_HELP
    autocomplete_fields = ("organisation",)
    prefilled = ("organisation",)
    fieldsets = (
        (None, {"fields": ("organisation", "name", "provider_outlet_id")}),
        ("Alerts", {"fields": ("alert_after_minutes", "opening_hours", "time_zone"), "classes": ("collapse",)}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SlimList]:  # noqa: ARG002
        return OutletList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        pairing = "pairing_or_enable" if rights.may_enable(request) else "pairing"
        secret = ("secret",) if rights.may_see(request, Integration) else ()
        return ("name", "state", "organisation", pairing, *secret, "last_seen")

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Outlet],
        search_term: str,
    ) -> tuple[QuerySet[Outlet], bool]:
        """Return the outlets that the search field at the top of each page would find."""
        text = search_term.strip()
        return (queryset.filter(outlet_found_by(text)) if text else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return without_secret(request) or super().changelist_view(request, extra_context)

    @admin.display
    def state(self, outlet: Outlet) -> SafeString:
        return state_cell(Integration.of(outlet), shared_now())

    @admin.display(description="POSRemoteID", empty_value="–")
    def pairing(self, outlet: Outlet) -> str | None:
        integration = Integration.of(outlet)
        return integration.pos_remote_id if integration else None

    @admin.display(description="POSRemoteID")
    def pairing_or_enable(self, outlet: Outlet) -> SafeString | str | None:
        if linked := self.pairing(outlet):
            return linked
        url = reverse("admin:integrations_outlet_enable", args=(outlet.pk,))
        return format_html('<a class="onp-do" href="{}" aria-label="Enable Order N Pay on {}">Enable</a>', url, outlet)

    @admin.display(description="secret begins with", empty_value="–")
    def secret(self, outlet: Outlet) -> str | None:
        integration = Integration.of(outlet)
        if integration is None:
            return None
        (credential,) = integration.current  # type: ignore[attr-defined]
        return f"{credential.shown} (weak)" if credential.is_weak else str(credential.shown)

    @admin.display(description="last seen")
    def last_seen(self, outlet: Outlet) -> SafeString | str:
        integration, now = Integration.of(outlet), shared_now()
        if integration is None:
            return "–"
        return "now" if integration.presence.is_online_at(now) else ago(integration.presence.last_seen_at, now)

    def get_readonly_fields(self, request: HttpRequest, obj: Outlet | None = None) -> tuple[str, ...]:  # noqa: ARG002
        # PowerEPOS identifies an enabled outlet by this ID.
        return ("provider_outlet_id",) if obj and Integration.of(obj) else ()

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> FormField | None:
        """Put the cursor into the first empty field of the form that adds an outlet."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is None:
            return None
        if db_field.name == "organisation" and rights.may_add_organisation(request):
            field.help_text = format_html(ADD_ORGANISATION, reverse("admin:integrations_organisation_add"))
        is_added = request.resolver_match is not None and request.resolver_match.url_name == "integrations_outlet_add"
        if is_added and db_field.name == _first_empty(request):
            field.widget.attrs["autofocus"] = True
        return field

    def get_form(
        self, request: HttpRequest, obj: Outlet | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Outlet]]:
        kwargs["error_messages"] = {NON_FIELD_ERRORS: {"unique_together": OutletExists.message}}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        enable = self.admin_site.admin_view(EnableOutlet.as_view())
        enable_new = self.admin_site.admin_view(EnableNewOutlet.as_view())
        suggestions = self.admin_site.admin_view(suggest)
        export = self.admin_site.admin_view(partial(outlets_export.export, self))
        return [
            path("<int:pk>/enable/", enable, name="integrations_outlet_enable"),
            path("enable/", enable_new, name="integrations_outlet_enable_new"),
            path("enable/organisations/", suggestions, name="integrations_organisation_suggest"),
            path(
                "enable-file/",
                self.admin_site.admin_view(EnableFromFile.as_view()),
                name="integrations_outlet_enable_from_file",
            ),
            path("<int:pk>/edit/", self.admin_site.admin_view(self.edit_view), name="integrations_outlet_edit"),
            path("export/", export, name="integrations_outlet_export"),
            *super().get_urls(),
        ]

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the page with the form for an outlet's name, ProviderOutletID and alerts."""
        return self.changeform_view(request, str(pk))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Outlet | None:  # noqa: ARG002
        """Return the outlet with the related data that its page needs. Uses one query."""
        keys = key_columns(shared_now(), scope.organisations_of(request.user), path="integration__")
        rows = self.get_queryset(request).select_related(*self.list_select_related).annotate(**keys)
        return rows.filter(pk=int(object_id)).first() if object_id.isdecimal() and len(object_id) < 19 else None

    def page_of(self, request: HttpRequest, row: Outlet) -> dict[str, object]:
        """Return the context of an outlet's page. The integration's part requires the right to see integrations."""
        integration, now = Integration.of(row), shared_now()
        seen = scope.organisations_of(request.user)
        ours: dict[str, object] = {
            "title": str(row),
            "outlet": row,
            "integration": integration,
            "standing": standing_of(integration, now),
            "fragment": integration_page.TEMPLATE,
            "may_enable": rights.may_enable(request),
            "may_act": rights.may_act(request),
            "may_ask": rights.may_ask(request),
            "may_delete": integration is None and self.has_delete_permission(request),
            "events": integration_page.events_of(row, seen),
        }
        if integration is None or not rights.may_see(request, Integration):
            return ours
        with_content = rights.may_see_payload(request)
        return ours | integration_page.context_of(
            integration, now, seen, keys=keys_in(vars(row)), with_content=with_content
        )

    def has_delete_permission(self, request: HttpRequest, obj: Outlet | None = None) -> bool:
        is_free = obj is None or Integration.of(obj) is None
        return is_free and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Outlet, form: ModelForm[Outlet], change: Any) -> None:  # noqa: ARG002
        siblings = obj.organisation.outlets.exclude(pk=obj.pk).values_list("name", flat=True)
        warning = near_names.warning_about(obj.name, siblings)
        outlets.save_outlet(obj, actor=actor_of(request))
        warn_of_near_name(request, form, warning)

    def delete_model(self, request: HttpRequest, obj: Outlet) -> None:
        outlets.delete_outlet(obj, actor=actor_of(request))

    def response_post_save_add(self, request: HttpRequest, obj: Outlet) -> HttpResponseRedirect:
        """Redirect to the new outlet's page instead of the list, because that page offers the next step."""
        if not self.has_view_or_change_permission(request, obj):
            return super().response_post_save_add(request, obj)
        return HttpResponseRedirect(reverse("admin:integrations_outlet_change", args=(obj.pk,)))

    def response_post_save_change(self, request: HttpRequest, obj: Outlet) -> HttpResponseRedirect:
        return self.response_post_save_add(request, obj)


def _first_empty(request: HttpRequest) -> str:
    return "name" if request.GET.get("organisation") else "organisation"


class OutletList(SlimList):
    """Reads the current secret of each outlet on the page."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        current = Prefetch("integration__credentials", Credential.objects.filter(is_current=True), to_attr="current")
        return super().apply_select_related(qs).prefetch_related(current)
