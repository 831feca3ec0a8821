"""The acts of staff on the API keys of the provider's own systems."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin import site
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import ApiKey, ApiKeySecret, Organisation
from integrations.models.clock import shared_now
from integrations.services.api_keys import api_keys
from integrations.services.errors import (
    ApiKeyExpired,
    ApiKeyRetired,
    InvalidValue,
    NoOverlap,
    OverlapRunning,
    PortalError,
)
from integrations.services.people import scope
from integrations.staff.base import forms, rights
from integrations.staff.base.acts import Act
from integrations.wire.endpoints import API_PATH


class ApiKeyAct(Act):
    """An act on an API key; `key` is None while it is being made."""

    key: ApiKey | None = None

    @method_decorator(sensitive_variables("text"))
    def show_key(self, key: ApiKey, text: str) -> HttpResponse:
        """Answer with the one page that ever shows this key."""
        return self.show_once(
            "staff/api_keys/api_key.html",
            subject=key,
            text=text,
            url=f"{settings.PUBLIC_URL}{API_PATH}",
            overlapping=key.secrets.in_overlap(shared_now()).first(),
            next_url=self.url_of(key),
        )

    def next_url(self) -> str:
        return self.url_of(self.key)

    def url_of(self, key: ApiKey | None) -> str:
        """Return the key's page, or the list, for who may see them."""
        if not rights.may_see(self.request, ApiKey):
            return reverse("admin:index")
        if key is None:
            return reverse("admin:integrations_apikey_changelist")
        return reverse("admin:integrations_apikey_change", args=(key.pk,))

    def context(self) -> dict[str, Any]:
        return {"opts": ApiKey._meta, "subject": self.key, "key": self.key, "owner": self.key, "may_act": True}


class CreateApiKey(ApiKeyAct):
    is_sensitive = True
    form_class = forms.CreateApiKeyForm
    title = "Create API key"
    button = "Create and show the key"
    words = "staff/api_keys/words/create_api_key.html"

    def is_allowed(self) -> bool:
        return rights.may_create_api_key(self.request)

    def find(self) -> None:  # type: ignore[override]
        """There is nothing yet."""

    def obstacle(self) -> PortalError | None:
        return None

    @method_decorator(sensitive_variables("text"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        key, text = api_keys.create_api_key(
            values["name"],
            organisation=self.allowed(values["organisation"]),
            is_read_only=values["is_read_only"],
            expires_at=_end_of(values["last_day"]),
            actor=self.actor,
        )
        return self.show_key(key, text)

    def allowed(self, organisation: Organisation | None) -> Organisation | None:
        """Return the organisation if this person may see it. Raises InvalidValue."""
        if not scope.is_limited(self.request.user):
            return organisation
        if organisation is None or not scope.may_see(self.request.user, organisation):
            raise InvalidValue("organisation", "Choose one of your own organisations: you are limited to them.")
        return organisation


class ExistingApiKeyAct(ApiKeyAct):
    """An act on an API key that was made before."""

    key: ApiKey

    def is_allowed(self) -> bool:
        return rights.may_change_api_key(self.request)

    def find(self, pk: int) -> None:
        found = site.get_model_admin(ApiKey).get_queryset(self.request).filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such API key.")
        self.key = found

    def current(self) -> ApiKeySecret | None:
        return self.key.secrets.filter(is_current=True).first()

    def overlapping(self) -> ApiKeySecret | None:
        """Return the older secret that still works, if there is one."""
        return self.key.secrets.in_overlap(shared_now()).first()


class RotateApiKey(ExistingApiKeyAct):
    is_sensitive = True
    form_class = forms.RotateApiKeyForm
    title = "Rotate API key"
    button = "Rotate and show the new key"
    words = "staff/api_keys/words/rotate_api_key.html"

    def initial(self) -> dict[str, Any]:
        current = self.current()
        return {"seen_secret": current.pk if current else None}

    def obstacle(self) -> PortalError | None:
        current = self.current()
        if current is None:
            return ApiKeyRetired()
        if not current.is_live(shared_now()):
            return ApiKeyExpired()
        return OverlapRunning() if self.overlapping() else None

    @method_decorator(sensitive_variables("text"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        text = api_keys.rotate_api_key(self.key, actor=self.actor, **values)
        return self.show_key(self.key, text)


class EndApiKeyOverlap(ExistingApiKeyAct):
    form_class = forms.ActForm
    title = "End overlap now"
    button = "End the overlap"
    words = "staff/api_keys/words/end_api_key_overlap.html"

    def obstacle(self) -> PortalError | None:
        return None if self.overlapping() else NoOverlap()

    def context(self) -> dict[str, Any]:
        return {**super().context(), "older": self.overlapping()}

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        api_keys.end_api_key_overlap(self.key, actor=self.actor)
        return self.done("The overlap is ended: the older key opens nothing any more.")


class RetireApiKey(ExistingApiKeyAct):
    form_class = forms.RetireApiKeyForm
    title = "Retire API key"
    button = "Retire"
    words = "staff/api_keys/words/retire_api_key.html"

    def obstacle(self) -> PortalError | None:
        return None if self.key.secrets.filter(retired_at=None).exists() else ApiKeyRetired()

    def act(self, values: dict[str, Any]) -> HttpResponse:
        api_keys.retire_api_key(self.key, reason=values["reason"], actor=self.actor)
        return self.done("The API key is retired: whoever uses it is refused from now on.")


def _end_of(day: date | None) -> datetime | None:
    """Return the moment at which a day is over, where the portal is."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None
