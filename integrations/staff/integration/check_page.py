"""The page "Check this outlet": a checklist that turns green while the installer is on the phone."""

import uuid
from typing import Any

from django.http import HttpResponse

from integrations.models import Integration
from integrations.models.clock import shared_now
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.check_evidence import OutletRows, secrets_in
from integrations.services.integration.outlet_check import read_check
from integrations.services.integration.pairings import explain
from integrations.services.people import scope
from integrations.services.requests import asking
from integrations.staff.base import forms, rights
from integrations.staff.base.outlet_actions import IntegrationAction

TEMPLATE = "staff/integration/check_steps.html"
# The id of the form that sends the test request. The button refers to it, because the button is outside the form: it is
# in the part of the page that refreshes automatically.
TEST_FORM = "test-request"


class CheckOutlet(IntegrationAction):
    """GET shows the checklist to staff with the right to see the outlet; POST sends the test request."""

    form_class = forms.AskOnceForm
    title = "Check this outlet"

    def is_allowed(self) -> bool:
        may_see = rights.may_see(self.request, Integration)
        return may_see and (self.request.method != "POST" or rights.may_ask(self.request))

    def initial(self) -> dict[str, Any]:
        return {"request_id": uuid.uuid4()}

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        asking.check_outlet(self.integration, request_id=str(values["request_id"]), actor=self.actor)
        return self.done("Test request sent. The last step shows its result.")

    def next_url(self) -> str:
        return self.request.path if self.request.method == "POST" else super().next_url()

    def page(self, form: forms.ActionForm) -> HttpResponse:
        seen, with_content = scope.organisations_of(self.request.user), rights.may_see_payload(self.request)
        rows, now = OutletRows.read(self.integration), shared_now()
        explain(rows.attempts, seen)
        check = read_check(self.integration, now, seen, with_content=with_content, rows=rows)
        current, _ = secrets_in(rows.credentials, now)
        return self.render(
            "staff/integration/check.html",
            status=409 if form.errors else 200,
            form=form,
            fragment=TEMPLATE,
            check=check,
            test_form=TEST_FORM,
            current=current,
            auth_url=auth_url(),
            websocket_url=websocket_url(),
            may_ask=rights.may_ask(self.request),
            next_url=self.url_of(self.integration),
        )
