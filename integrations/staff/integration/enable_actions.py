"""Lets staff enable an outlet: an existing one, or one whose name they enter in a form."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.admin import site
from django.http import Http404, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import Integration, Organisation, Outlet
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.handover.handover import HandOver
from integrations.services.integration import enabling
from integrations.services.integration.errors import AlreadyEnabled
from integrations.services.integration.new_outlets import OutletNames, enable_by_name, find_by_name
from integrations.services.outlets import near_names
from integrations.services.people import scope
from integrations.staff.base import forms, rights
from integrations.staff.base.outlet_actions import OutletAction

# The page lists at most this many organisations, to stay below 150 KB. A search while typing finds the others.
MOST_SUGGESTED = 500
NOT_YOURS = "Choose one of the organisations that you may see. Your role does not allow you to create another one."
CREATE_ANYWAY = "If it is not, add the new organisation on its own page first."


class EnableAction(OutletAction):
    is_sensitive = True
    button = "Enable outlet"

    @method_decorator(sensitive_variables())
    def enabling(self, values: dict[str, Any]) -> Callable[[], HandOver]:
        """Return a function that enables the outlet and returns the values to hand over."""
        raise NotImplementedError

    @method_decorator(sensitive_variables())
    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        return self.hand_over(self.enabling(values), values)


class EnableOutlet(EnableAction):
    """Enables an existing outlet."""

    outlet: Outlet
    form_class = forms.EnableForm
    title = "Enable Order N Pay"
    words = "staff/integration/words/enable.html"

    def is_allowed(self) -> bool:
        return rights.may_enable(self.request)

    def find(self, pk: int) -> None:
        outlets = site.get_model_admin(Outlet).get_queryset(self.request)
        found = outlets.select_related("organisation", "integration").filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such outlet.")
        self.outlet, self.integration = found, Integration.of(found)

    def obstacle(self) -> PortalError | None:
        return AlreadyEnabled() if self.integration else None

    @method_decorator(sensitive_variables())
    def enabling(self, values: dict[str, Any]) -> Callable[[], HandOver]:
        return partial(
            enabling.enable_outlet,
            self.outlet,
            pos_remote_id=values["pos_remote_id"],
            adopted_secret=values["adopted_secret"] or None,
            actor=self.actor,
        )

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        # After a double click, this request may have read the outlet before the first request enabled it.
        # The integration is therefore read again.
        self.integration = Integration.objects.filter(outlet=self.outlet).first()
        return super().settled(refusal, status=status)


class EnableNewOutlet(EnableAction):
    """Enables the outlet with the entered name and organisation. Creates the outlet and organisation if necessary."""

    form_class = forms.EnableNewForm
    title = "Enable an outlet"
    words = "staff/integration/words/enable_new.html"

    def is_allowed(self) -> bool:
        return rights.may_enable_new(self.request)

    def find(self) -> None:  # type: ignore[override]
        """Do nothing: the outlet may not exist yet."""

    def initial(self) -> dict[str, Any]:
        return {"organisation": self.request.GET.get("organisation", "")}

    def context(self) -> dict[str, Any]:
        seen = scope.limit(Organisation.objects.all(), self.request.user, "pk")
        names = list(seen.values_list("name", flat=True)[: MOST_SUGGESTED + 1])
        return {
            **super().context(),
            "organisations": names[:MOST_SUGGESTED],
            "has_more_organisations": len(names) > MOST_SUGGESTED,
            "may_create_organisation": rights.may_add_organisation(self.request),
        }

    @method_decorator(sensitive_variables())
    def enabling(self, values: dict[str, Any]) -> Callable[[], HandOver]:
        names = OutletNames(values["organisation"], values["outlet"], values["provider_outlet_id"])
        self._check_organisation(names.organisation)
        self.warn(near_names.warning_about_outlet(names.organisation, names.outlet))
        return partial(
            enable_by_name,
            names,
            pos_remote_id=values["pos_remote_id"],
            adopted_secret=values["adopted_secret"] or None,
            actor=self.actor,
        )

    def _check_organisation(self, name: str) -> None:
        """Raise InvalidValue if this person may not use or create the organisation, or if the name looks misspelt."""
        found = Organisation.objects.filter(name=name).first()
        is_allowed = scope.may_see(self.request.user, found) if found else rights.may_add_organisation(self.request)
        if not is_allowed:
            raise InvalidValue("organisation", NOT_YOURS)
        if warning := near_names.warning_about_organisation(name):
            raise InvalidValue("organisation", f"{warning} {CREATE_ANYWAY}")

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        # The outlet already exists (after a double click, or because it was enabled earlier), so show it.
        self.outlet = find_by_name(_names_in(self.request.POST))
        self.integration = Integration.of(self.outlet) if self.outlet else None
        return super().settled(refusal, status=status)


def _names_in(posted: Any) -> OutletNames:
    return OutletNames(posted.get("organisation", ""), posted.get("outlet", ""))
