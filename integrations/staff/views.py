"""The acts of staff on an outlet or its integration: a page each. GET says what will happen, POST does it."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import View

from integrations.exceptions import (
    AlreadyDisabled,
    AlreadyEnabled,
    NoOverlap,
    NotDisabled,
    OverlapRunning,
    PortalError,
    StalePage,
)
from integrations.models import Credential, Integration, Outlet
from integrations.services import enabling, secrets
from integrations.services.audit import Actor
from integrations.services.handover import HandOver
from integrations.staff import forms, rights
from integrations.staff.actors import actor_of

# The row is not, or not any more, as the form takes it to be: correcting the form would not help.
SETTLED = (AlreadyEnabled, AlreadyDisabled, NotDisabled, NoOverlap, StalePage, OverlapRunning)


def url_name(act: str) -> str:
    """Return the name, inside the admin's, of an act's URL on an integration."""
    return f"integrations_integration_{act.replace('-', '_')}"


@method_decorator(sensitive_post_parameters("adopted_secret"), name="dispatch")
class Act(View):
    """One act. A refusal by the service is an error of its form; where no form could mend it, a page says so."""

    http_method_names = ["get", "head", "post"]
    form_class: ClassVar[type[forms.ActForm]]
    title: ClassVar[str]
    button: ClassVar[str]
    words: ClassVar[str]
    outlet: Outlet
    integration: Integration | None
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.is_allowed():
            raise PermissionDenied
        self.find(kwargs["pk"])
        self.actor = actor_of(request)
        return super().dispatch(request, *args, **kwargs)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        if obstacle := self.obstacle():
            return self.settled(obstacle)
        return self.page(self.form_class(initial=self.initial()))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST, initial=self.initial())
        if not form.is_valid():
            return self.page(form)
        try:
            return self.act(form.cleaned_data)
        except SETTLED as refusal:
            return self.settled(refusal, status=409)
        except PortalError as refusal:
            form.refuse(refusal)
            return self.page(form)

    def is_allowed(self) -> bool:
        raise NotImplementedError

    def find(self, pk: int) -> None:
        """Set the outlet and, where there is one, its integration. Raises Http404."""
        raise NotImplementedError

    def obstacle(self) -> PortalError | None:
        """Return why the act cannot be done as things stand, if that is known before the form is filled in."""
        raise NotImplementedError

    def act(self, values: dict[str, Any]) -> HttpResponse:
        """Do it and answer. Raises PortalError."""
        raise NotImplementedError

    def initial(self) -> dict[str, Any]:
        return {}

    def page(self, form: forms.ActForm) -> HttpResponse:
        return self.render("staff/act.html", form=form, button=self.button, words=self.words)

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        """Say in words why this act is not for now, with the ways on."""
        kind = type(refusal).__name__
        return self.render("staff/settled.html", status=status, refusal=refusal, kind=kind)

    @method_decorator(sensitive_variables("handover"))
    def show_secret(self, handover: HandOver, integration: Integration) -> HttpResponse:
        """Answer with the one page that ever shows this secret; nothing may keep it."""
        credential = integration.current_credential()
        response = self.render(
            "staff/handover.html",
            handover=handover,
            credential=credential,
            overlapping=integration.credentials.in_overlap(timezone.now()).first(),
            integration=integration,
            next_url=self.next_url(integration),
        )
        response["Cache-Control"] = "no-store"
        return response

    def done(self, message: str) -> HttpResponse:
        messages.success(self.request, message)
        return HttpResponseRedirect(self.next_url(self.integration))

    def next_url(self, integration: Integration | None) -> str:
        """Return where to go from here: to the integration, or to an outlet that has none, for who may see it."""
        row: Integration | Outlet = integration or self.outlet
        if not rights.may_see(self.request, type(row)):
            return reverse("admin:index")
        return reverse(f"admin:integrations_{row._meta.model_name}_change", args=(row.pk,))

    def render(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        ours = {
            "title": self.title,
            "opts": Integration._meta,
            "outlet": self.outlet,
            "integration": self.integration,
            "next_url": self.next_url(self.integration),
            "may_act": rights.may_act(self.request),
        }
        return render(self.request, template, {**site.each_context(self.request), **ours, **context}, status=status)


class EnableOutlet(Act):
    form_class = forms.EnableForm
    title = "Enable Order N Pay"
    button = "Enable and show the values"
    words = "staff/words/enable.html"

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

    @method_decorator(sensitive_variables("values", "handover"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        handover = enabling.enable_outlet(
            self.outlet,
            pos_remote_id=values["pos_remote_id"],
            adopted_secret=values["adopted_secret"] or None,
            actor=self.actor,
        )
        return self.show_secret(handover, Integration.objects.get(outlet=self.outlet))

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        # Of two clicks the second comes here, with the outlet as it was before the first.
        self.integration = Integration.objects.filter(outlet=self.outlet).first()
        return super().settled(refusal, status=status)


class IntegrationAct(Act):
    """An act on an integration that exists."""

    integration: Integration

    def is_allowed(self) -> bool:
        return rights.may_act(self.request)

    def find(self, pk: int) -> None:
        integrations = site.get_model_admin(Integration).get_queryset(self.request)
        found = integrations.filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such integration.")
        self.integration, self.outlet = found, found.outlet

    def overlapping(self) -> Credential | None:
        """Return the older secret that still works, if there is one."""
        return self.integration.credentials.in_overlap(timezone.now()).first()


class RotateSecret(IntegrationAct):
    form_class = forms.RotateForm
    title = "Rotate secret"
    button = "Rotate and show the new secret"
    words = "staff/words/rotate.html"

    def initial(self) -> dict[str, Any]:
        return {"seen_credential": self.integration.current_credential().pk}

    def obstacle(self) -> PortalError | None:
        return OverlapRunning() if self.overlapping() else None

    @method_decorator(sensitive_variables("handover"))
    def act(self, values: dict[str, Any]) -> HttpResponse:
        handover = secrets.rotate_secret(self.integration, actor=self.actor, **values)
        return self.show_secret(handover, self.integration)


class EndOverlap(IntegrationAct):
    form_class = forms.ActForm
    title = "End overlap now"
    button = "End the overlap"
    words = "staff/words/end_overlap.html"

    def obstacle(self) -> PortalError | None:
        return None if self.overlapping() else NoOverlap()

    def page(self, form: forms.ActForm) -> HttpResponse:
        older = self.overlapping()
        return self.render("staff/act.html", form=form, button=self.button, words=self.words, older=older)

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        secrets.end_overlap(self.integration, actor=self.actor)
        return self.done("The overlap is ended: the older secret opens nothing any more.")


class Disable(IntegrationAct):
    form_class = forms.DisableForm
    title = "Disable"
    button = "Disable"
    words = "staff/words/disable.html"

    def obstacle(self) -> PortalError | None:
        return None if self.integration.is_enabled else AlreadyDisabled()

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.disable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("The integration is disabled: its POS is cut off and refused.")


class EnableAgain(IntegrationAct):
    form_class = forms.EnableAgainForm
    title = "Enable again"
    button = "Enable again"
    words = "staff/words/reenable.html"

    def obstacle(self) -> PortalError | None:
        return NotDisabled() if self.integration.is_enabled else None

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.reenable(self.integration, reason=values["reason"], actor=self.actor)
        return self.done("The integration is enabled again: its POS may come in with the secret that it has.")


class ChangePosRemoteId(IntegrationAct):
    form_class = forms.ChangePosRemoteIdForm
    title = "Change POSRemoteID"
    button = "Change"
    words = "staff/words/change_pos_remote_id.html"

    def initial(self) -> dict[str, Any]:
        return {"pos_remote_id": self.integration.pos_remote_id}

    def obstacle(self) -> PortalError | None:
        return None

    def act(self, values: dict[str, Any]) -> HttpResponse:
        enabling.change_pos_remote_id(self.integration, actor=self.actor, **values)
        return self.done("The POSRemoteID is changed. The POS comes in again as soon as it sends the new one.")
