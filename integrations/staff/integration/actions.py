"""The actions of staff on an integration."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.services.errors import PortalError
from integrations.services.integration import disconnecting, enabling, pos_secrets, waits
from integrations.staff.base import forms
from integrations.staff.base.outlet_actions import IntegrationAction, url_name
from integrations.staff.base.secret_actions import EndOverlapAction, RotateAction


class RotateSecret(RotateAction, IntegrationAction):
    form_class = forms.RotatePosSecretForm
    words = "staff/integration/words/rotate.html"
    button = "Rotate secret"

    def get(self, _request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Redirect to the replacement page if an overlap's new secret is still unused; otherwise show the form."""
        if pos_secrets.obstacle_to_replacement(self.integration) is None:
            return redirect(f"admin:{url_name('replace-secret')}", pk=self.integration.pk)
        return super().get(_request, **kwargs)

    @method_decorator(sensitive_variables())
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        rotate = partial(
            pos_secrets.rotate_secret,
            self.integration,
            overlap=values["overlap"],
            seen=values["seen"],
            actor=self.actor,
        )
        return self.hand_over(rotate, values)


class ReplaceSecret(IntegrationAction):
    """Replaces an overlap's new secret, if no POS has used that secret. Nothing is disconnected."""

    is_sensitive = True
    form_class = forms.ReplaceSecretForm
    title = "Replace the new secret"
    button = "Replace the new secret"
    words = "staff/integration/words/replace_secret.html"

    def initial(self) -> dict[str, Any]:
        return {"seen": self.integration.current_credential().version}

    def obstacle(self) -> PortalError | None:
        return pos_secrets.obstacle_to_replacement(self.integration)

    def context(self) -> dict[str, Any]:
        secrets = {"current": self.owner.current_secret(), "older": self.owner.older_secret(shared_now())}
        return {**super().context(), **secrets}

    @method_decorator(sensitive_variables())
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        replace = partial(pos_secrets.replace_unused_secret, self.integration, seen=values["seen"], actor=self.actor)
        return self.hand_over(replace, values)


class EndOverlap(EndOverlapAction, IntegrationAction):
    end_overlap = pos_secrets.end_overlap
    consequence = "a POS that still uses it is disconnected at once and refused until it has the new secret."

    def context(self) -> dict[str, Any]:
        is_unused = pos_secrets.obstacle_to_replacement(self.integration) is None
        return {**super().context(), "unused": self.owner.current_credential() if is_unused else None}


class Disable(IntegrationAction):
    is_destructive = True
    form_class = forms.ReasonForm
    title = "Disable"
    button = "Disable"
    words = "staff/integration/words/disable.html"

    def obstacle(self) -> PortalError | None:
        return enabling.obstacle_to_disabling(self.integration)

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        enabling.disable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("Integration disabled. Its POS is disconnected and refused.")


class EnableAgain(IntegrationAction):
    form_class = forms.OptionalReasonForm
    title = "Enable again"
    button = "Enable again"
    words = "staff/integration/words/reenable.html"

    def obstacle(self) -> PortalError | None:
        return enabling.obstacle_to_reenabling(self.integration)

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        enabling.reenable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("Integration re-enabled. Its POS can connect again with its current secret.")


class Disconnect(IntegrationAction):
    is_destructive = True
    form_class = forms.OptionalReasonForm
    title = "Disconnect"
    button = "Disconnect"
    words = "staff/integration/words/disconnect.html"

    def obstacle(self) -> PortalError | None:
        return disconnecting.obstacle_to_disconnecting(self.integration.presence)

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        disconnecting.disconnect(self.integration, reason=values["reason"], actor=self.actor)
        return self.done(
            "The POS is disconnected within two seconds. Its secret and access token stay valid: it can reconnect."
        )


class EndWait(IntegrationAction):
    form_class = forms.ActionForm
    title = "End the wait"
    button = "End the wait"
    words = "staff/integration/words/end_wait.html"

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:  # noqa: ARG002
        waits.end_wait(self.integration, actor=self.actor)
        return self.done("The wait ends within two seconds. The POS can try again with its current secret.")


class ChangePosRemoteId(IntegrationAction):
    is_destructive = True
    form_class = forms.ChangePosRemoteIdForm
    title = "Change POSRemoteID"
    button = "Change"
    words = "staff/integration/words/change_pos_remote_id.html"

    def initial(self) -> dict[str, Any]:
        return {"pos_remote_id": self._sent() or self.integration.pos_remote_id}

    def _sent(self) -> str:
        """Return the POSRemoteID to fill in: that of the refused attempt named in the URL, or "" if there is none."""
        attempt = self.request.GET.get("attempt", "")
        if self.request.method == "POST" or not (attempt.isascii() and attempt.isdecimal() and len(attempt) < 19):
            return ""
        refused = self.integration.attempts.filter(outcome=Outcome.WRONG_POS_REMOTE_ID, pk=attempt)
        return refused.values_list("pos_remote_id", flat=True).first() or ""

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        enabling.change_pos_remote_id(self.integration, actor=self.actor, **values)
        return self.done("POSRemoteID changed. The POS can connect again as soon as it sends the new one.")
