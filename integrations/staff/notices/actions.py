"""The actions of staff on webhook endpoints and their deliveries."""

from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import Delivery, WebhookEndpoint
from integrations.services.errors import PortalError
from integrations.services.notices import webhooks
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.forms import ActionForm, ReasonForm, RotateForm
from integrations.staff.base.secret_actions import CreateSystemAction, EndOverlapAction, RotateAction, SystemAction
from integrations.staff.notices import forms as webhook_forms


class WebhookAction(SystemAction[WebhookEndpoint]):
    model = WebhookEndpoint
    once_template = "staff/notices/webhook.html"

    def url(self) -> str:
        return self.owner.url


class CreateWebhook(CreateSystemAction[WebhookEndpoint], WebhookAction):
    form_class = webhook_forms.CreateWebhookForm
    title = "Create webhook endpoint"
    button = "Create and show the secret"
    words = "staff/notices/words/create_webhook.html"

    @method_decorator(sensitive_variables("secret"))
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        self.allowed(values["organisation"])
        endpoint, secret = webhooks.create_endpoint(**values, actor=self.actor)
        return self.show_secret(endpoint, secret)


class ChangeWebhook(WebhookAction):
    is_sensitive: ClassVar[bool] = True
    form_class = webhook_forms.ChangeWebhookForm
    title = "Change URL or events"
    button = "Save"
    words = "staff/notices/words/change_webhook.html"

    def initial(self) -> dict[str, Any]:
        return {"url": self.owner.url, "kinds": self.owner.kinds}

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        webhooks.change_endpoint(self.owner, **values, actor=self.actor)
        return self.done("Saved. Events go to this URL from now on.")


class RotateWebhook(RotateAction, WebhookAction):
    form_class = RotateForm
    words = "staff/notices/words/rotate_webhook.html"

    @method_decorator(sensitive_variables("secret"))
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        secret = webhooks.rotate_endpoint(self.owner, actor=self.actor, **values)
        self.owner.refresh_from_db()
        return self.show_secret(self.owner, secret)


class EndWebhookOverlap(EndOverlapAction, WebhookAction):
    end_overlap = webhooks.end_endpoint_overlap
    consequence = "a receiver that has only the old one refuses every event."


class DisableWebhook(WebhookAction):
    form_class = ReasonForm
    title = "Disable"
    button = "Disable"
    words = "staff/notices/words/disable_webhook.html"

    def obstacle(self) -> PortalError | None:
        return webhooks.obstacle_to_disabling(self.owner)

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        webhooks.disable_endpoint(self.owner, reason=values["reason"], actor=self.actor)
        return self.done("The webhook endpoint is disabled. No events are sent.")


class EnableWebhook(WebhookAction):
    form_class = ActionForm
    title = "Enable again"
    button = "Enable again"
    words = "staff/notices/words/enable_webhook.html"

    def obstacle(self) -> PortalError | None:
        return webhooks.obstacle_to_enabling(self.owner)

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.enable_endpoint(self.owner, actor=self.actor)
        return self.done("The webhook endpoint is enabled. Events are sent from now on.")


class TestWebhook(WebhookAction):
    form_class = ActionForm
    title = "Send a test event"
    button = "Send"
    words = "staff/notices/words/test_webhook.html"

    def obstacle(self) -> PortalError | None:
        return webhooks.obstacle_to_sending(self.owner)

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.send_test(self.owner, actor=self.actor)
        return self.done("The test event is being sent. The answer appears here in a few seconds.")


class ReplayDelivery(WebhookAction):
    form_class = ActionForm
    title = "Send again"
    button = "Send again"
    words = "staff/notices/words/replay_delivery.html"
    delivery: Delivery

    def find(self, pk: int) -> None:
        rows = Delivery.objects.select_related("notice", "endpoint__organisation")
        found = scope.limit(rows, self.request.user, "endpoint__organisation").filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such delivery.")
        self.delivery, self.row = found, found.endpoint

    def obstacle(self) -> PortalError | None:
        return webhooks.obstacle_to_sending(self.owner)

    def context(self) -> dict[str, Any]:
        return {**super().context(), "delivery": self.delivery}

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        webhooks.replay(self.delivery, actor=self.actor)
        return self.done("The event is being sent again. The answer appears here in a few seconds.")

    def next_url(self) -> str:
        if not rights.may_see(self.request, Delivery):
            return super().next_url()
        return reverse("admin:integrations_delivery_change", args=(self.delivery.pk,))
