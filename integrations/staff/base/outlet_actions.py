"""Base classes of the actions on an outlet or its integration."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import site
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_variables

from integrations.models import Integration, Outlet
from integrations.models.clock import shared_now
from integrations.services.errors import PortalError
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.handover.links import NewLink
from integrations.services.integration.errors import PosRemoteIdTaken
from integrations.services.integration.pairings import holders_of
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.actions import Action
from integrations.staff.base.forms import HandOverChoice
from integrations.staff.base.secret_actions import SecretAction


def url_name(action: str) -> str:
    """Return the URL name, without the admin's namespace, of an action on an integration."""
    return f"integrations_integration_{action.replace('-', '_')}"


class OutletAction(Action):
    """An action on an outlet or on its integration."""

    outlet: Outlet | None = None  # None until the action has created it
    integration: Integration | None = None

    @method_decorator(sensitive_variables("handover"))
    def show_secret(self, handover: HandOver) -> HttpResponse:
        """Return the only page that ever shows this secret."""
        rows = Integration.objects.select_related("outlet__organisation")
        integration = rows.get(outlet__provider_outlet_id=handover.provider_outlet_id)
        self.outlet = integration.outlet
        return self.show_once(
            "staff/handover/handover.html",
            handover=handover,
            credential=integration.current_credential(),
            older=integration.older_secret(shared_now()),
            integration=integration,
            may_check=rights.may_see(self.request, Integration),
        )

    @method_decorator(sensitive_variables())
    def hand_over(self, create: Callable[[], HandOver], values: dict[str, Any]) -> HttpResponse:
        """Call `create`, which creates a secret, and show the secret, or a one-time link if the form asks for one."""
        if values["hand_over"] != HandOverChoice.LINK:
            return self.show_secret(create())
        new_link = handover_links.create_link_instead(
            create,
            hours=values["link_hours"] or settings.HANDOVER_LINK_HOURS,
            passphrase=values["passphrase"],
            actor=self.actor,
        )
        return self.show_link(new_link)

    @method_decorator(sensitive_variables())
    def show_link(self, new_link: NewLink) -> HttpResponse:
        """Return the only page that ever shows this link; the page does not contain the secret."""
        integration = new_link.link.integration
        self.outlet = integration.outlet
        return self.show_once(
            "staff/handover/link_created.html",
            new_link=new_link,
            older=integration.older_secret(shared_now()),
            integration=integration,
        )

    def next_url(self) -> str:
        """Return the URL of the outlet's page or of the list, or of the start page if the user may see neither."""
        if self.outlet:
            return self.url_of(self.outlet)
        is_seen = rights.may_see(self.request, Outlet)
        return reverse("admin:integrations_outlet_changelist" if is_seen else "admin:index")

    def url_of(self, row: Integration | Outlet) -> str:
        """Return the URL of the outlet's page, or of the start page if the user may not see it."""
        if not rights.may_see(self.request, Outlet):
            return reverse("admin:index")
        key = row.outlet_id if isinstance(row, Integration) else row.pk
        return reverse("admin:integrations_outlet_change", args=(key,))

    @method_decorator(sensitive_variables("values"))
    def words_for(self, refusal: PortalError, values: dict[str, Any]) -> str:
        """Return the text for a refusal.

        If another outlet has the POSRemoteID already, the text names that outlet, unless the user may not see it.
        """
        if not isinstance(refusal, PosRemoteIdTaken) or not rights.may_see(self.request, Outlet):
            return super().words_for(refusal, values)
        seen = scope.limit(holders_of(values["pos_remote_id"]), self.request.user, "outlet__organisation")
        holder = seen.select_related("outlet__organisation").first()
        if holder is None:
            return super().words_for(refusal, values)
        link = format_html('<a href="{}">{}</a>', self.url_of(holder), holder.outlet)
        return format_html(PosRemoteIdTaken.naming, link)

    def context(self) -> dict[str, Any]:
        return {
            "opts": Outlet._meta,
            "subject": self.outlet,
            "outlet": self.outlet,
            "integration": self.integration,
            "owner": self.integration,
            "owner_opts": Integration._meta,
            "may_act": rights.may_act(self.request),
        }


class IntegrationAction(OutletAction, SecretAction):
    """An action on an existing integration."""

    outlet: Outlet
    integration: Integration

    def is_allowed(self) -> bool:
        return rights.may_act(self.request)

    def find(self, pk: int) -> None:
        integrations = site.get_model_admin(Integration).get_queryset(self.request)
        found = integrations.filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such integration.")
        self.integration, self.outlet = found, found.outlet

    @property
    def owner(self) -> Integration:
        return self.integration
