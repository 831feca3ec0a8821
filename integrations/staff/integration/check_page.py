"""The page "Check this outlet": a checklist that turns green while the installer is on the phone."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpResponse

from integrations.models import Integration
from integrations.models.clock import shared_now
from integrations.services.errors import PortalError
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.check_steps import sentence_of, steps_of
from integrations.services.integration.outlet_check import read_evidence
from integrations.services.overview.fleet import Organisations
from integrations.services.people import scope
from integrations.services.requests import asking
from integrations.staff.base import forms, rights
from integrations.staff.base.outlet_acts import IntegrationAct

TEMPLATE = "staff/integration/check_steps.html"


def context_of(
    integration: Integration, now: datetime, organisations: Organisations, *, with_content: bool
) -> dict[str, Any]:
    """Return the context of the checklist's template, for a person allowed to see these organisations.

    With `with_content`, it includes the ErrorMessage of the POS's answer.
    """
    evidence = read_evidence(integration, now, organisations)
    if evidence.request and not with_content:
        evidence.request.error_message = None
    steps = steps_of(evidence)
    return {"fragment": TEMPLATE, "steps": steps, "sentence": sentence_of(steps)}


class CheckOutlet(IntegrationAct):
    """GET shows the checklist to staff with the right to see the outlet; POST sends the test request."""

    form_class = forms.AskOnceForm
    title = "Check this outlet"
    button = "Send a test request"

    def is_allowed(self) -> bool:
        may_see = rights.may_see(self.request, Integration)
        return may_see and (self.request.method != "POST" or rights.may_ask(self.request))

    def initial(self) -> dict[str, Any]:
        return {"request_id": uuid.uuid4()}

    def obstacle(self) -> PortalError | None:
        return None

    def act(self, values: dict[str, Any]) -> HttpResponse:
        asking.check_outlet(self.integration, request_id=str(values["request_id"]), actor=self.actor)
        return self.done("Test request sent. The last step shows its result.")

    def next_url(self) -> str:
        return self.request.path if self.request.method == "POST" else super().next_url()

    def page(self, form: forms.ActForm) -> HttpResponse:
        with_all = Integration.objects.select_related("outlet__organisation", "presence__connection__process")
        integration = with_all.get(pk=self.integration.pk)
        seen, with_content = scope.organisations_of(self.request.user), rights.may_see_payload(self.request)
        return self.render(
            "staff/integration/check.html",
            status=409 if form.errors else 200,
            form=form,
            button=self.button,
            **context_of(integration, shared_now(), seen, with_content=with_content),
            current=integration.current_credential(),
            auth_url=auth_url(),
            websocket_url=websocket_url(),
            may_ask=rights.may_ask(self.request),
            next_url=self.url_of(integration),
        )
