from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from integrations.models import Integration
from integrations.staff.base.admin import ReadOnlyAdmin
from integrations.staff.base.outlet_actions import url_name
from integrations.staff.bulk.page import ActOnSelection
from integrations.staff.integration import actions as views
from integrations.staff.integration import check_page
from integrations.staff.requests import ask_page, asked_page

# URL parameters that the redirect to the list of outlets keeps, because that list accepts them.
KEPT = ("q", "state", "organisation")
ACTIONS = {
    "check": check_page.CheckOutlet,
    "ask": ask_page.AskPos,
    "disconnect": views.Disconnect,
    "rotate": views.RotateSecret,
    "replace-secret": views.ReplaceSecret,
    "end-overlap": views.EndOverlap,
    "disable": views.Disable,
    "reenable": views.EnableAgain,
    "end-wait": views.EndWait,
    "change-pos-remote-id": views.ChangePosRemoteId,
}


@admin.register(Integration)
class IntegrationAdmin(ReadOnlyAdmin[Integration]):
    """The actions on enabled outlets. An integration has no separate page, because it is part of its outlet's page.

    Earlier versions had a list and a page here. Their URLs redirect to the list of outlets and to the outlet's page.
    """

    organisation_path = "outlet__organisation"

    def has_module_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False  # so that the menu has no entry for it

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return super().get_queryset(request).select_related("outlet__organisation", "presence__connection__process")

    def get_urls(self) -> list[URLPattern]:
        actions = [
            path(f"<int:pk>/{action}/", self.admin_site.admin_view(view.as_view()), name=url_name(action))
            for action, view in ACTIONS.items()
        ]
        asked = self.admin_site.admin_view(asked_page.AskedPage.as_view())
        actions.append(path("<int:pk>/asked/<int:request_pk>/", asked, name=url_name("asked")))
        actions.append(path("<int:pk>/asked/<uuid:request_uuid>/", asked, name=url_name("asked_once")))
        many = self.admin_site.admin_view(ActOnSelection.as_view())
        actions.append(path("many/<slug:action>/", many, name=url_name("many")))
        return [*actions, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        kept = {name: request.GET[name] for name in KEPT if name in request.GET}
        return HttpResponseRedirect(reverse("admin:integrations_outlet_changelist", query=kept))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        return HttpResponseRedirect(reverse("admin:integrations_outlet_change", args=(row.outlet_id,)))
