from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import AuditEvent, Delivery, Integration, Notice, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.models.notices.webhook import DeliveryState
from integrations.services.notices import mailing
from integrations.services.notices.delivering import body_of
from integrations.services.outlets.search import outlet_with_words
from integrations.services.people import scope
from integrations.services.rows.keyset_pages import FEW, PARENTS, Few, Source, Stream
from integrations.staff.base import rights
from integrations.staff.base.admin import PortalAdmin, ReadOnlyAdmin
from integrations.staff.base.filters import OrganisationFilter
from integrations.staff.base.keyset_lists import KeysetAdmin, Parents
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago, clock, marked
from integrations.staff.notices import actions as webhook_actions
from integrations.staff.requests.legible import legible
from integrations.text.moments import exactly

ACTIONS = {
    "change-url": webhook_actions.ChangeWebhook,
    "rotate": webhook_actions.RotateWebhook,
    "end-overlap": webhook_actions.EndWebhookOverlap,
    "disable": webhook_actions.DisableWebhook,
    "enable": webhook_actions.EnableWebhook,
    "test": webhook_actions.TestWebhook,
}
ROWS = 10
SHAPES = {DeliveryState.DELIVERED: "online", DeliveryState.PENDING: "never-seen", DeliveryState.FAILED: "offline"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin[WebhookEndpoint]):
    """The receivers of events. Rows change only through actions, each with its own page."""

    menu_group = MenuGroup.ALERTS
    menu_position = 30
    page = "staff/notices/webhook_page.html"
    when_empty = (
        "No webhook endpoints yet. The portal notifies your systems at these addresses of events: an outlet goes "
        "offline, a request finishes, an alert begins."
    )
    first_step = "Create the first one."
    list_display = ("name", "state", "organisations", "shown_url")
    list_filter = (OrganisationFilter, "is_enabled")
    organisation_path = "organisation"
    list_select_related = ("organisation",)
    search_fields = ("name", "url", "organisation__name")
    search_help_text = "Name, URL, organisation"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).defer("sealed_secret", "sealed_older_secret")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super(PortalAdmin, self).has_add_permission(request)

    @admin.display
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        return badge(endpoint)

    @admin.display(ordering="organisation__name")
    def organisations(self, endpoint: WebhookEndpoint) -> str:
        return str(endpoint.organisation) if endpoint.organisation else "all organisations"

    @admin.display(description="URL", ordering="url")
    def shown_url(self, endpoint: WebhookEndpoint) -> SafeString:
        return format_html('<code class="onp-id">{}</code>', endpoint.url)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        actions = [
            path(
                f"<int:pk>/{name}/",
                view(each.as_view()),
                name=f"integrations_webhookendpoint_{name.replace('-', '_')}",
            )
            for name, each in ACTIONS.items()
        ]
        create = path("add/", view(webhook_actions.CreateWebhook.as_view()), name="integrations_webhookendpoint_add")
        return [create, *actions, *super().get_urls()]

    def page_of(self, request: HttpRequest, row: WebhookEndpoint) -> dict[str, object]:
        """Return the context of an endpoint's page."""
        return {
            **_page_of(row),
            "may_change": rights.may_change(request, WebhookEndpoint),
        }


class EndpointFilter(admin.RelatedFieldListFilter):
    """Filters by endpoint; offers only endpoints that this person may see."""

    def field_choices(
        self,
        field: Any,  # noqa: ARG002
        request: HttpRequest,
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002
    ) -> Any:
        rows = scope.limit(WebhookEndpoint.objects.all(), request.user, "organisation")
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


@admin.register(Delivery)
class DeliveryAdmin(KeysetAdmin[Delivery]):
    """The deliveries of events: one row for each event and endpoint."""

    menu_group = MenuGroup.ALERTS
    menu_position = 40
    page = "staff/notices/delivery_page.html"
    when_empty = "No deliveries yet. The events that the portal sends to your systems appear here with the answers."
    first_step = "Create a webhook endpoint and send a test event."
    first_step_needs = ("integrations.add_webhookendpoint",)
    list_display = ("standing", "event", "noticed", "endpoint", "about", "answer", "attempts")
    list_filter = ("state", "notice__kind", ("endpoint", EndpointFilter))
    organisation_path = "endpoint__organisation"
    list_select_related = ("notice", "endpoint")
    search_help_text = "Outlet, organisation, ProviderOutletID, POSRemoteID"
    ordering = ("-id",)
    parents = Parents(WebhookEndpoint, "endpoint", "organisation")
    moment = "notice__noticed_at"
    equal = {"endpoint__id__exact": "endpoint", "state__exact": "state"}
    served = (("endpoint",), ("state",))

    def found_by(self, text: str) -> Q:
        return outlet_with_words(text, "notice__integration__outlet__")

    def searched_in(self, text: str, rows: QuerySet[Delivery], parents: QuerySet[Any]) -> list[Source]:  # noqa: ARG002
        named = Integration.objects.filter(outlet_with_words(text, "outlet__")).order_by()
        integrations = list(named.values_list("pk", flat=True)[: PARENTS + 1])
        notices = list(Notice.objects.filter(integration__in=integrations).values_list("pk", flat=True)[: FEW + 1])
        if len(integrations) > PARENTS or len(notices) > FEW:
            return [Stream(rows)]
        return [Few(rows.filter(notice__in=notices), rows)]

    @admin.display(description="detected")
    def noticed(self, row: Delivery) -> SafeString | str:
        return ago(row.notice.noticed_at, shared_now())

    @admin.display
    def event(self, row: Delivery) -> str:
        return row.notice.get_kind_display()

    @admin.display(description="state")
    def standing(self, row: Delivery) -> SafeString:
        return delivery_badge(row)

    @admin.display(description="outlet")
    def about(self, row: Delivery) -> str:
        return row.notice.outlet_name or "–"

    @admin.display
    def answer(self, row: Delivery) -> str:
        return str(row.status) if row.status else row.error or "–"

    @admin.display
    def attempts(self, row: Delivery) -> int:
        return row.tries

    def get_urls(self) -> list[URLPattern]:
        replay = self.admin_site.admin_view(webhook_actions.ReplayDelivery.as_view())
        return [path("<int:pk>/replay/", replay, name="integrations_delivery_replay"), *super().get_urls()]

    def page_of(self, request: HttpRequest, row: Delivery) -> dict[str, object]:
        """Return the context of a delivery's page: the event, the answer, and the next attempt."""
        return {
            "fragment": "staff/notices/delivery_parts.html",
            "title": str(row),
            "row": row,
            "badge": delivery_badge(row),
            "body": legible(body_of(row.notice).decode()),
            "may_change": rights.may_change(request, WebhookEndpoint),
        }


def badge(endpoint: WebhookEndpoint) -> SafeString:
    """Return the state of an endpoint as a badge."""
    now = shared_now()
    if not endpoint.is_enabled:
        return marked("Disabled", "disabled")
    if endpoint.failing_since is None:
        return marked("On", "online")
    return marked(format_html("Failing{}", clock(endpoint.failing_since, now)), "offline")


def delivery_badge(row: Delivery) -> SafeString:
    """Return the state of a delivery as a badge."""
    state = DeliveryState(row.state)
    words = "Failed, will retry" if state is DeliveryState.PENDING and row.tries else state.label
    return marked(words, "offline" if words.startswith("Failed") else SHAPES[state])


def _page_of(endpoint: WebhookEndpoint) -> dict[str, object]:
    deliveries = endpoint.deliveries.select_related("notice")[:ROWS]
    pause = endpoint.pause_at(shared_now())
    return {
        "fragment": "staff/notices/webhook_parts.html",
        "title": str(endpoint),
        "endpoint": endpoint,
        "state": badge(endpoint),
        "paused_until": exactly(pause) if pause else "",
        "has_overlap": endpoint.has_overlap(shared_now()),
        "older_until": exactly(endpoint.older_secret_until) if endpoint.older_secret_until else "",
        "deliveries": [(row, delivery_badge(row)) for row in deliveries],
        "mail_is_on": mailing.is_on(),
        "events": list(AuditEvent.objects.about(endpoint.name, verbs="webhook_")[:ROWS]),
        "rows": ROWS,
    }
