from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from integrations.models import ApiKey, ApiKeySecret, AuditEvent
from integrations.models.api_key import ApiKeyState, is_in_key_state
from integrations.models.clock import shared_now
from integrations.staff.api_keys import actions as api_key_actions
from integrations.staff.base import rights
from integrations.staff.base.admin import PortalAdmin, ReadOnlyAdmin
from integrations.staff.base.filters import OrganisationFilter, PortalFilter
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago, marked

ACTIONS = {
    "change-access": api_key_actions.ChangeApiKey,
    "rotate": api_key_actions.RotateApiKey,
    "end-overlap": api_key_actions.EndApiKeyOverlap,
    "retire": api_key_actions.RetireApiKey,
}
EVENTS = 10


SHAPES = {ApiKeyState.ACTIVE: "online", ApiKeyState.EXPIRED: "offline", ApiKeyState.RETIRED: "disabled"}


class KeyStateFilter(PortalFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        return list(ApiKeyState.choices)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        chosen = self.value()
        if chosen not in ApiKeyState.values:
            return queryset
        return queryset.filter(is_in_key_state(ApiKeyState(chosen), shared_now()))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    """The keys of the provider's own systems. Rows change only through actions, each with its own page."""

    menu_group = MenuGroup.SET_UP
    menu_position = 10
    page = "staff/api_keys/page.html"
    when_empty = "No API keys yet. Your systems use a key to send requests to POSes."
    first_step = "Create the first one."
    organisation_path = "organisation"
    list_display = ("name", "state", "sees", "allowed", "secret", "last_used", "expires")
    list_filter = (KeyStateFilter, OrganisationFilter)
    list_select_related = ("organisation",)
    search_fields = ("name", "organisation__name")
    search_help_text = "Name of the key or of its organisation"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).prefetch_related("secrets")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super(PortalAdmin, self).has_add_permission(request)

    @admin.display
    def state(self, key: ApiKey) -> SafeString:
        return _badge(key.state_at(shared_now()))

    @admin.display(description="organisations", ordering="organisation__name")
    def sees(self, key: ApiKey) -> str:
        return str(key.organisation) if key.organisation else "all organisations"

    @admin.display(description="scopes")
    def allowed(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="begins with")
    def secret(self, key: ApiKey) -> str:
        return f"{_newest(key).shown}…"

    @admin.display(description="last used")
    def last_used(self, key: ApiKey) -> SafeString | str:
        last = _last_used(key.secrets.all())
        return ago(last, shared_now()) if last else "never"

    @admin.display(description="expires")
    def expires(self, key: ApiKey) -> SafeString | str:
        newest = _newest(key)
        return ago(newest.expires_at, shared_now()) if newest.expires_at else "never"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        actions = [
            path(f"<int:pk>/{name}/", view(each.as_view()), name=f"integrations_apikey_{name.replace('-', '_')}")
            for name, each in ACTIONS.items()
        ]
        create = path("add/", view(api_key_actions.CreateApiKey.as_view()), name="integrations_apikey_add")
        return [create, *actions, *super().get_urls()]

    def page_of(self, request: HttpRequest, row: ApiKey) -> dict[str, object]:
        """Return the context of a key's page."""
        return {
            **_page_of(row, shared_now()),
            "may_change": rights.may_change(request, ApiKey),
        }


def _page_of(key: ApiKey, now: datetime) -> dict[str, object]:
    secrets = list(key.secrets.all())
    state = key.state_at(now)
    return {
        "title": str(key),
        "key": key,
        "secrets": secrets,
        "newest": secrets[0],
        "state": _badge(state),
        "is_active": state is ApiKeyState.ACTIVE,
        "is_retired": state is ApiKeyState.RETIRED,
        "in_overlap": next((each for each in secrets if each.is_in_overlap(now)), None),
        "last_used_at": _last_used(secrets),
        "events": list(AuditEvent.objects.about(key.name, verbs="api_key_")[:EVENTS]),
    }


def _newest(key: ApiKey) -> ApiKeySecret:
    """Return the key's newest secret. The caller must have prefetched the key's secrets, newest first."""
    return key.secrets.all()[0]


def _badge(state: ApiKeyState) -> SafeString:
    return marked(state.label, SHAPES[state])


def _last_used(secrets: Sequence[ApiKeySecret] | QuerySet[ApiKeySecret]) -> datetime | None:
    return max((each.last_used_at for each in secrets if each.last_used_at), default=None)
