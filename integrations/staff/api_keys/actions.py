"""Staff actions on API keys. The provider's own systems use these keys to call the portal."""

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import ApiKey
from integrations.models.api_key import DEFAULT_SCOPES
from integrations.services.api_keys import api_keys
from integrations.services.errors import PortalError
from integrations.staff.base import forms
from integrations.staff.base.secret_actions import CreateSystemAction, EndOverlapAction, RotateAction, SystemAction
from integrations.wire.endpoints import API_PATH


class ApiKeyAction(SystemAction[ApiKey]):
    model = ApiKey
    once_template = "staff/api_keys/api_key.html"
    noun = "key"

    def url(self) -> str:
        return f"{settings.PUBLIC_URL}{API_PATH}"


class UnretiredKeyAction(ApiKeyAction):
    """An action on a key that is not retired."""

    def obstacle(self) -> PortalError | None:
        return api_keys.obstacle_to_change(self.owner)


class CreateApiKey(CreateSystemAction[ApiKey], ApiKeyAction):
    form_class = forms.CreateApiKeyForm
    title = "Create API key"
    button = "Create and show the key"
    words = "staff/api_keys/words/create_api_key.html"

    def initial(self) -> dict[str, Any]:
        return {"scopes": list(DEFAULT_SCOPES)}

    @method_decorator(sensitive_variables("text"))
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        key, text = api_keys.create_api_key(
            values["name"],
            organisation=self.allowed(values["organisation"]),
            expires_at=_end_of(values["last_day"]),
            actor=self.actor,
            **_access(values),
        )
        return self.show_secret(key, text)


class ChangeApiKey(UnretiredKeyAction):
    is_sensitive: ClassVar[bool] = True
    form_class = forms.ApiKeyAccessForm
    title = "Change access"
    button = "Save"
    words = "staff/api_keys/words/change_api_key.html"

    def initial(self) -> dict[str, Any]:
        key = self.owner
        limits = {"calls_per_second": key.calls_per_second, "calls_burst": key.calls_burst}
        return {"scopes": key.scopes, "networks": " ".join(key.networks), **limits}

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        api_keys.change_api_key(self.owner, **_access(values), actor=self.actor)
        return self.done("Saved. The change applies within a second.")


class RotateApiKey(RotateAction, ApiKeyAction):
    form_class = forms.RotateForm
    title = "Rotate API key"
    button = "Rotate and show the new key"
    words = "staff/api_keys/words/rotate_api_key.html"

    def obstacle(self) -> PortalError | None:
        return api_keys.obstacle_to_rotation(self.owner)

    @method_decorator(sensitive_variables("text"))
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        text = api_keys.rotate_api_key(self.owner, actor=self.actor, **values)
        return self.show_secret(self.owner, text)


class EndApiKeyOverlap(EndOverlapAction, ApiKeyAction):
    end_overlap = api_keys.end_api_key_overlap
    consequence = "a system that still uses it is refused at once."


class RetireApiKey(UnretiredKeyAction):
    form_class = forms.ReasonForm
    title = "Retire API key"
    button = "Retire"
    words = "staff/api_keys/words/retire_api_key.html"

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        api_keys.retire_api_key(self.owner, reason=values["reason"], actor=self.actor)
        return self.done("The API key is retired. Calls with it are refused from now on.")


def _access(values: dict[str, Any]) -> dict[str, Any]:
    """Convert the values of an ApiKeyAccessForm to arguments for the services: the networks become a list."""
    access = {name: values[name] for name in forms.ApiKeyAccessForm.base_fields}
    return access | {"networks": values["networks"].split()}


def _end_of(day: date | None) -> datetime | None:
    """Return the end of a day in the portal's time zone."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None
