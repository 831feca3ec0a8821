"""Actions on the owners of secrets: integrations, API keys and webhook endpoints."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import ApiKey, Organisation, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.services import life_cycle
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.actions import Action
from integrations.staff.base.forms import ActionForm

System = TypeVar("System", ApiKey, WebhookEndpoint)


class SecretAction(Action):
    """An action on the owner of a secret."""

    @property
    def owner(self) -> life_cycle.Owner:
        raise NotImplementedError


class RotateAction(SecretAction):
    is_sensitive: ClassVar[bool] = True
    title = "Rotate secret"
    button = "Rotate and show the new secret"

    def initial(self) -> dict[str, Any]:
        current = self.owner.current_secret()
        return {"seen": current.version if current else ""}

    def obstacle(self) -> PortalError | None:
        return life_cycle.obstacle_to_rotation(self.owner)


class EndOverlapAction(SecretAction):
    form_class = ActionForm
    title = "End overlap now"
    button = "End the overlap"
    words = "staff/base/words/end_overlap.html"
    is_destructive = True
    end_overlap: ClassVar[Callable[..., None]]
    consequence: ClassVar[str]  # what happens to a system that uses the old secret after the action

    def obstacle(self) -> PortalError | None:
        return life_cycle.obstacle_to_ending(self.owner)

    def context(self) -> dict[str, Any]:
        older = self.owner.older_secret(shared_now())
        return {**super().context(), "older": older, "consequence": self.consequence}

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        type(self).end_overlap(self.owner, actor=self.actor)
        return self.done("Overlap ended. The old secret is no longer accepted.")


class SystemAction(SecretAction, Generic[System]):
    """An action on an API key or a webhook endpoint.

    `row` is the key or the endpoint, or None until the action has created it.
    """

    model: ClassVar[type[ApiKey] | type[WebhookEndpoint]]
    row: System | None = None
    once_template: ClassVar[str]  # the template of the one page that shows the secret
    noun: ClassVar[str] = "secret"  # what that page calls the secret

    @property
    def owner(self) -> System:
        """Return the existing row. Raises Http404 if it has not been created yet."""
        if self.row is None:
            raise Http404("There is no such row.")
        return self.row

    def url(self) -> str:
        """Return the URL that the page shows beside the secret."""
        raise NotImplementedError

    @method_decorator(sensitive_variables("secret"))
    def show_secret(self, row: System, secret: str) -> HttpResponse:
        """Return the only page that ever shows this secret."""
        older = row.older_secret(shared_now())
        self.row = row
        return self.show_once(self.once_template, noun=self.noun, text=secret, url=self.url(), older=older)

    def next_url(self) -> str:
        """Return the URL of the row's page, or of the list if there is no row yet.

        If this person may not see such rows, return the URL of the start page instead.
        """
        if not rights.may_see(self.request, self.model):
            return reverse("admin:index")
        name = f"admin:integrations_{self.model._meta.model_name}"
        return reverse(f"{name}_change", args=(self.row.pk,)) if self.row else reverse(f"{name}_changelist")

    def context(self) -> dict[str, Any]:
        opts = self.model._meta
        may_act = self.is_allowed()
        return {"opts": opts, "subject": self.row, "owner": self.row, "owner_opts": opts, "may_act": may_act}

    def is_allowed(self) -> bool:
        return rights.may_change(self.request, self.model)

    def find(self, pk: int) -> None:
        rows: Any = self.model.objects.select_related("organisation")
        self.row = scope.limit(rows, self.request.user, "organisation").filter(pk=pk).first()
        if self.row is None:
            raise Http404(f"There is no such {self.model._meta.verbose_name}.")


class CreateSystemAction(SystemAction[System]):
    is_sensitive: ClassVar[bool] = True

    def is_allowed(self) -> bool:
        return rights.may_create(self.request, self.model)

    def find(self) -> None:  # type: ignore[override]
        """Do nothing, because the row does not exist yet."""

    def allowed(self, organisation: Organisation | None) -> Organisation | None:
        """Return `organisation` (None: all), or raise InvalidValue if this person may not choose it."""
        if scope.may_see_row_of(self.request.user, organisation.pk if organisation else None):
            return organisation
        words = "Choose one of the organisations that you may see: your account is limited to them."
        raise InvalidValue("organisation", words)
