"""The acts of staff on webhook endpoints and their deliveries."""

from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import Delivery, Organisation, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.services.errors import (
    InvalidValue,
    NoOverlap,
    OverlapRunning,
    PortalError,
    WebhookDisabled,
    WebhookEnabled,
)
from integrations.services.notices import webhooks
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.acts import Act
from integrations.staff.base.forms import ActForm
from integrations.staff.notices import forms as webhook_forms


class WebhookAct(Act):
    """An act on a webhook endpoint; `endpoint` is None while it is being made."""

    endpoint: WebhookEndpoint | None = None
    settled_template = "staff/notices/webhook_settled.html"

    @method_decorator(sensitive_variables("secret"))
    def show_secret(self, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        """Answer with the one page that ever shows this secret."""
        return self.show_once(
            "staff/notices/webhook.html",
            subject=endpoint,
            endpoint=endpoint,
            text=secret,
            has_overlap=endpoint.has_overlap(shared_now()),
            next_url=self.url_of(endpoint),
        )

    def next_url(self) -> str:
        return self.url_of(self.endpoint)

    def url_of(self, endpoint: WebhookEndpoint | None) -> str:
        """Return the endpoint's page, or the list, for who may see them."""
        if not rights.may_see(self.request, WebhookEndpoint):
            return reverse("admin:index")
        if endpoint is None:
            return reverse("admin:integrations_webhookendpoint_changelist")
        return reverse("admin:integrations_webhookendpoint_change", args=(endpoint.pk,))

    def context(self) -> dict[str, Any]:
        return {"opts": WebhookEndpoint._meta, "subject": self.endpoint, "endpoint": self.endpoint}


class CreateWebhook(WebhookAct):
    is_sensitive: ClassVar[bool] = True
    form_class = webhook_forms.CreateWebhookForm
    title = "Create webhook endpoint"
    button = "Create and show the secret"
    words = "staff/notices/words/create_webhook.html"

    def is_allowed(self) -> bool:
        return rights.may_create_webhook(self.request)

    def find(self) -> None:  # type: ignore[override]
        """There is nothing yet."""

    def obstacle(self) -> PortalError | None:
        return None

    @method_decorator(sensitive_variables("secret"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        self._check_limit(values["organisation"])
        endpoint, secret = webhooks.create_endpoint(**values, actor=self.actor)
        return self.show_secret(endpoint, secret)

    def _check_limit(self, organisation: Organisation | None) -> None:
        user = self.request.user
        if not scope.is_limited(user) or (organisation and scope.may_see(user, organisation)):
            return
        raise InvalidValue("organisation", "Choose one of the organisations that you may see.")


class ExistingWebhookAct(WebhookAct):
    """An act on an endpoint that was made before."""

    endpoint: WebhookEndpoint

    def is_allowed(self) -> bool:
        return rights.may_change_webhook(self.request)

    def find(self, pk: int) -> None:
        rows = scope.limit(WebhookEndpoint.objects.select_related("organisation"), self.request.user, "organisation")
        found = rows.filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such webhook endpoint.")
        self.endpoint = found

    def obstacle(self) -> PortalError | None:
        return None


class ChangeWebhook(ExistingWebhookAct):
    is_sensitive: ClassVar[bool] = True
    form_class = webhook_forms.ChangeWebhookForm
    title = "Change URL or events"
    button = "Save"
    words = "staff/notices/words/change_webhook.html"

    def initial(self) -> dict[str, Any]:
        return {"url": self.endpoint.url, "kinds": self.endpoint.kinds}

    def act(self, values: dict[str, Any]) -> HttpResponse:
        webhooks.change_endpoint(self.endpoint, **values, actor=self.actor)
        return self.done("Saved: what is sent from now on goes there.")


class RotateWebhook(ExistingWebhookAct):
    is_sensitive: ClassVar[bool] = True
    form_class = webhook_forms.RotateWebhookForm
    title = "Rotate secret"
    button = "Rotate and show the new secret"
    words = "staff/notices/words/rotate_webhook.html"

    def initial(self) -> dict[str, Any]:
        return {"seen": self.endpoint.secret_made_at.isoformat()}

    def obstacle(self) -> PortalError | None:
        return OverlapRunning() if self.endpoint.has_overlap(shared_now()) else None

    @method_decorator(sensitive_variables("secret"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        secret = webhooks.rotate_endpoint(self.endpoint, actor=self.actor, **values)
        self.endpoint.refresh_from_db()
        return self.show_secret(self.endpoint, secret)


class EndWebhookOverlap(ExistingWebhookAct):
    form_class = ActForm
    title = "End overlap now"
    button = "End the overlap"
    words = "staff/notices/words/end_webhook_overlap.html"

    def obstacle(self) -> PortalError | None:
        return None if self.endpoint.has_overlap(shared_now()) else NoOverlap()

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.end_endpoint_overlap(self.endpoint, actor=self.actor)
        return self.done("The overlap is ended: only the new secret signs.")


class DisableWebhook(ExistingWebhookAct):
    form_class = webhook_forms.DisableWebhookForm
    title = "Switch off"
    button = "Switch off"
    words = "staff/notices/words/disable_webhook.html"

    def obstacle(self) -> PortalError | None:
        return None if self.endpoint.is_enabled else WebhookDisabled("The webhook endpoint is switched off already.")

    def act(self, values: dict[str, Any]) -> HttpResponse:
        webhooks.disable_endpoint(self.endpoint, reason=values["reason"], actor=self.actor)
        return self.done("The webhook endpoint is switched off: nothing is sent.")


class EnableWebhook(ExistingWebhookAct):
    form_class = ActForm
    title = "Switch on"
    button = "Switch on"
    words = "staff/notices/words/enable_webhook.html"

    def obstacle(self) -> PortalError | None:
        return WebhookEnabled() if self.endpoint.is_enabled else None

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.enable_endpoint(self.endpoint, actor=self.actor)
        return self.done("The webhook endpoint is switched on: what happens from now on is sent.")


class TestWebhook(ExistingWebhookAct):
    form_class = ActForm
    title = "Send a test event"
    button = "Send"
    words = "staff/notices/words/test_webhook.html"

    def obstacle(self) -> PortalError | None:
        return None if self.endpoint.is_enabled else WebhookDisabled()

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.send_test(self.endpoint, actor=self.actor)
        return self.done("The test event is on its way. The answer appears here in a few seconds.")


class ReplayDelivery(ExistingWebhookAct):
    form_class = ActForm
    title = "Send again"
    button = "Send again"
    words = "staff/notices/words/replay_delivery.html"
    delivery: Delivery

    def find(self, pk: int) -> None:
        rows = Delivery.objects.select_related("notice", "endpoint__organisation")
        found = scope.limit(rows, self.request.user, "endpoint__organisation").filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such delivery.")
        self.delivery, self.endpoint = found, found.endpoint

    def obstacle(self) -> PortalError | None:
        return None if self.endpoint.is_enabled else WebhookDisabled()

    def context(self) -> dict[str, Any]:
        return {**super().context(), "delivery": self.delivery}

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.replay(self.delivery, actor=self.actor)
        return self.done("The event is on its way again. The answer appears here in a few seconds.")

    def next_url(self) -> str:
        if not rights.may_see(self.request, Delivery):
            return super().next_url()
        return reverse("admin:integrations_delivery_change", args=(self.delivery.pk,))
