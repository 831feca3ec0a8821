"""The admin site itself: its titles, the order of its lists, its first page."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from integrations.staff.first_page import figures, latest_acts, what_next

APP_LABEL = "integrations"
ORDER = (
    "Organisation",
    "Outlet",
    "Integration",
    "BulkJob",
    "HandoverLink",
    "Request",
    "ApiKey",
    "MessageType",
    "Alert",
    "AlertRecipient",
    "WebhookEndpoint",
    "Delivery",
    "Connection",
    "AuthAttempt",
    "StrayFrame",
    "AuditEvent",
)


class PortalSite(AdminSite):
    """Django's admin under our name. Its lists stand in the order in which staff need them."""

    site_title = "Order N Pay portal"
    site_header = "Order N Pay portal"
    index_title = "Start"
    site_url = None  # the portal is the site

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = figures(request)
        next_step = what_next(request, has_figures=shown is not None)
        ours = {"next_step": next_step, "latest_acts": latest_acts(request), "figures": shown}
        return super().index(request, {**ours, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        for app in apps:
            if app["app_label"] == APP_LABEL:
                app["models"].sort(key=lambda model: ORDER.index(model["object_name"]))
        return sorted(apps, key=lambda app: app["app_label"] != APP_LABEL)
