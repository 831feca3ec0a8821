"""The acts of staff on an outlet or its integration."""

from functools import partial
from typing import Any

from django.contrib.admin import site
from django.http import Http404, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import Integration, Outlet
from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.services.errors import PortalError
from integrations.services.integration import disconnecting, enabling, pos_secrets, waits
from integrations.services.integration.errors import AlreadyDisabled, AlreadyEnabled, NotDisabled, NothingToDisconnect
from integrations.staff.base import forms, rights
from integrations.staff.base.outlet_acts import IntegrationAct, OutletAct
from integrations.staff.base.secret_acts import EndOverlapAct, RotateAct


class EnableOutlet(OutletAct):
    is_sensitive = True
    form_class = forms.EnableForm
    title = "Enable Order N Pay"
    button = "Enable and show the values"
    words = "staff/integration/words/enable.html"

    def is_allowed(self) -> bool:
        return rights.may_enable(self.request)

    def find(self, pk: int) -> None:
        outlets = site.get_model_admin(Outlet).get_queryset(self.request)
        found = outlets.select_related("organisation", "integration").filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such outlet.")
        self.outlet, self.integration = found, getattr(found, "integration", None)

    def obstacle(self) -> PortalError | None:
        return AlreadyEnabled() if self.integration else None

    link_button = "Enable and create a one-time link"

    @method_decorator(sensitive_variables())
    def act(self, values: dict[str, Any]) -> HttpResponse:
        enable = partial(
            enabling.enable_outlet,
            self.outlet,
            pos_remote_id=values["pos_remote_id"],
            adopted_secret=values["adopted_secret"] or None,
            actor=self.actor,
        )
        return self.hand_over(enable, values)

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        # The second of two clicks gets here with an outlet that was read before the first click enabled it.
        self.integration = Integration.objects.filter(outlet=self.outlet).first()
        return super().settled(refusal, status=status)


class RotateSecret(RotateAct, IntegrationAct):
    form_class = forms.RotatePosSecretForm
    words = "staff/integration/words/rotate.html"
    link_button = "Rotate and create a one-time link"

    @method_decorator(sensitive_variables())
    def act(self, values: dict[str, Any]) -> HttpResponse:
        rotate = partial(
            pos_secrets.rotate_secret,
            self.integration,
            overlap=values["overlap"],
            seen=values["seen"],
            actor=self.actor,
        )
        return self.hand_over(rotate, values)


class EndOverlap(EndOverlapAct, IntegrationAct):
    end_overlap = pos_secrets.end_overlap
    consequence = "a POS that still uses it is disconnected at once and refused until it has the new secret."


class Disable(IntegrationAct):
    form_class = forms.ReasonForm
    title = "Disable"
    button = "Disable"
    words = "staff/integration/words/disable.html"

    def obstacle(self) -> PortalError | None:
        return None if self.integration.is_enabled else AlreadyDisabled()

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.disable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("Integration disabled. Its POS is disconnected and refused.")


class EnableAgain(IntegrationAct):
    form_class = forms.OptionalReasonForm
    title = "Enable again"
    button = "Enable again"
    words = "staff/integration/words/reenable.html"

    def obstacle(self) -> PortalError | None:
        return NotDisabled() if self.integration.is_enabled else None

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.reenable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("Integration re-enabled. Its POS can connect again with its current secret.")


class Disconnect(IntegrationAct):
    form_class = forms.OptionalReasonForm
    title = "Disconnect"
    button = "Disconnect"
    words = "staff/integration/words/disconnect.html"

    def obstacle(self) -> PortalError | None:
        is_online = self.integration.presence.is_online_at(shared_now())
        return None if is_online else NothingToDisconnect()

    def act(self, values: dict[str, Any]) -> HttpResponse:
        disconnecting.disconnect(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("The POS is disconnected within two seconds. Its credentials stay valid: it can reconnect.")


class EndWait(IntegrationAct):
    form_class = forms.ActForm
    title = "End the wait"
    button = "End the wait"
    words = "staff/integration/words/end_wait.html"

    def obstacle(self) -> PortalError | None:
        return None

    def act(self, values: dict[str, Any]) -> HttpResponse:  # noqa: ARG002
        waits.end_wait(self.integration, actor=self.actor)
        return self.done("The wait ends within two seconds. The POS can try again with its current secret.")


class ChangePosRemoteId(IntegrationAct):
    form_class = forms.ChangePosRemoteIdForm
    title = "Change POSRemoteID"
    button = "Change"
    words = "staff/integration/words/change_pos_remote_id.html"

    def initial(self) -> dict[str, Any]:
        return {"pos_remote_id": self._sent() or self.integration.pos_remote_id}

    def _sent(self) -> str:
        """Return the POSRemoteID of the refused attempt that the link names, to fill in the form; else ""."""
        attempt = self.request.GET.get("attempt", "")
        if self.request.method == "POST" or not (attempt.isascii() and attempt.isdecimal() and len(attempt) < 19):
            return ""
        refused = self.integration.attempts.filter(outcome=Outcome.WRONG_POS_REMOTE_ID, pk=attempt)
        return refused.values_list("pos_remote_id", flat=True).first() or ""

    def obstacle(self) -> PortalError | None:
        return None

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.change_pos_remote_id(self.integration, actor=self.actor, **values)
        return self.done("POSRemoteID changed. The POS can connect again as soon as it sends the new one.")
