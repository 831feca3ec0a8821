from django.urls import path, re_path, register_converter
from django.urls.converters import PathConverter

from integrations.backend.api_keys.views import ApiKeyView
from integrations.backend.base.outlet_addresses import outlet_id
from integrations.backend.connections.views import AttemptsView, ConnectionsView
from integrations.backend.description import DocumentView, TryView
from integrations.backend.handover.views import HandoverLinksView, HandoverLinkView
from integrations.backend.integration.views import CheckView
from integrations.backend.notices.views import (
    DeliveriesView,
    DeliveryView,
    EndEndpointOverlapView,
    EndpointsView,
    EndpointView,
    EventsView,
    ReplayDeliveryView,
    RotateEndpointSecretView,
    TestEndpointView,
)
from integrations.backend.organisations.views import OrganisationsView, OrganisationView
from integrations.backend.outlets import actions
from integrations.backend.outlets.views import OutletsView, OutletView
from integrations.backend.requests.views import (
    CancelView,
    MessageTypesView,
    OutletRequestsView,
    RequestsView,
    RequestView,
)
from integrations.backend.views import NotFoundView, RootView


class OutletIdConverter(PathConverter):
    """A ProviderOutletID, which may hold slashes."""

    def to_python(self, value: str) -> str:
        return outlet_id(value)


register_converter(OutletIdConverter, "outlet")

# The patterns are tried in this order. Sending a request comes first, because it is the most frequent call. The
# pattern for an outlet itself comes after the longer patterns that begin like it. An ID may contain plain slashes, so
# that pattern would match the longer paths too.
urlpatterns = [
    path("outlets/<outlet:provider_outlet_id>/requests", OutletRequestsView.as_view()),
    path("", RootView.as_view(), name="backend-root"),
    path("organisations", OrganisationsView.as_view(), name="backend-organisations"),
    path("organisations/<int:organisation_id>", OrganisationView.as_view(), name="backend-organisation"),
    path("outlets", OutletsView.as_view(), name="backend-outlets"),
    path("outlets/<outlet:provider_outlet_id>/enable", actions.EnableView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/disable", actions.DisableView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/reenable", actions.ReenableView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/rotate-secret", actions.RotateSecretView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/replace-unused-secret", actions.ReplaceUnusedSecretView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/end-overlap", actions.EndOverlapView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/disconnect", actions.DisconnectView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/change-pos-remote-id", actions.ChangePosRemoteIdView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/check", CheckView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/connections", ConnectionsView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/attempts", AttemptsView.as_view()),
    path("outlets/<outlet:provider_outlet_id>/handover-links", HandoverLinksView.as_view()),
    path(
        "outlets/<outlet:provider_outlet_id>/handover-links/<int:link_id>",
        HandoverLinkView.as_view(),
    ),
    path("outlets/<outlet:provider_outlet_id>", OutletView.as_view()),
    path("requests", RequestsView.as_view(), name="backend-requests"),
    path("requests/<uuid:request_uuid>", RequestView.as_view(), name="backend-request"),
    path("requests/<uuid:request_uuid>/cancel", CancelView.as_view(), name="backend-cancel"),
    path("webhook-endpoints", EndpointsView.as_view(), name="backend-webhook-endpoints"),
    path("webhook-endpoints/<int:endpoint_id>", EndpointView.as_view(), name="backend-webhook-endpoint"),
    path("webhook-endpoints/<int:endpoint_id>/rotate-secret", RotateEndpointSecretView.as_view()),
    path("webhook-endpoints/<int:endpoint_id>/end-overlap", EndEndpointOverlapView.as_view()),
    path("webhook-endpoints/<int:endpoint_id>/test", TestEndpointView.as_view()),
    path("deliveries", DeliveriesView.as_view(), name="backend-deliveries"),
    path("deliveries/<int:delivery_id>", DeliveryView.as_view()),
    path("deliveries/<int:delivery_id>/replay", ReplayDeliveryView.as_view()),
    path("events", EventsView.as_view(), name="backend-events"),
    path("message-types", MessageTypesView.as_view(), name="backend-message-types"),
    path("api-key", ApiKeyView.as_view(), name="backend-api-key"),
    path("schema", DocumentView.as_view(), name="backend-schema"),
    path("docs", TryView.as_view(url_name="backend-schema"), name="backend-docs"),
    re_path("", NotFoundView.as_view()),
]
