"""Base class of staff actions. Each action has its own page: GET explains it, POST carries it out."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import View

from integrations.services.audit import Actor
from integrations.services.errors import Conflict, PortalError
from integrations.staff.base import forms
from integrations.staff.signing_in import proof, typed
from integrations.staff.signing_in.actors import actor_of

# The hint on the page about a Conflict, if the Conflict itself has no hint.
TOO_LATE = "A colleague may have been faster, or the button was pressed twice. Nothing was changed this time."


@method_decorator(sensitive_post_parameters("adopted_secret", "passphrase"), name="dispatch")
class Action(View):
    """One action. A service's refusal becomes a form error, or a separate page if no input could correct it."""

    http_method_names = ["get", "head", "post"]
    form_class: ClassVar[type[forms.ActionForm]]
    title: ClassVar[str]
    button: ClassVar[str]
    words: ClassVar[str]
    max_body: ClassVar[int] = 0  # largest POST in bytes, if above the limit of other pages (portal/web/pages.py)
    is_sensitive: ClassVar[bool] = False  # needs a recent re-authentication
    is_destructive: ClassVar[bool] = False  # disconnects a till; the button is red
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.is_allowed():
            raise PermissionDenied
        self.find(**kwargs)
        self.actor = actor_of(request)
        if self.needs_proof() and (asked := self.ask_if_stale()):
            return asked
        return super().dispatch(request, *args, **kwargs)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        if obstacle := self.obstacle():
            return self.settled(obstacle)
        return self.page(self.make_form())

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        form = self.make_form(request.POST)
        if not form.is_valid():
            return self.page(form)
        try:
            return self.carry_out_form(form)
        except Conflict as refusal:
            return self.settled(refusal, status=refusal.status)
        except PortalError as refusal:
            form.refuse(refusal, self.words_for(refusal, form.cleaned_data))
            return self.page(form)

    def is_allowed(self) -> bool:
        raise NotImplementedError

    def find(self, pk: int) -> None:
        """Find the row that the action is about, and set it as an attribute. Raises Http404."""
        raise NotImplementedError

    def needs_proof(self) -> bool:
        """Return whether this request needs a recent re-authentication. Called for both GET and POST."""
        return self.is_sensitive

    def ask_if_stale(self) -> HttpResponseBase | None:
        """Return a redirect to the page that asks for a proof of identity, or None if there is a recent proof.

        After the proof, the form is filled in again with the same input, except secrets.
        """
        return proof.ask_if_stale(self.request, self.form_class.base_fields)

    def obstacle(self) -> PortalError | None:
        """Return why the action is not possible now, if that is known before the form is filled in."""
        return None

    def make_form(self, data: QueryDict | None = None) -> forms.ActionForm:
        """Return the form, empty or filled in."""
        initial = {**self.initial(), **typed.recalled(self.request)}
        if issubclass(self.form_class, forms.OwnerForm):
            return self.form_class(data, initial=initial, person=self.request.user)
        return self.form_class(data, initial=initial)

    def carry_out_form(self, form: forms.ActionForm) -> HttpResponse:
        """Carry out the action with a valid form. Raises PortalError."""
        return self.carry_out(form.cleaned_data)

    def carry_out(self, values: dict[str, Any]) -> HttpResponse:
        """Carry out the action and return the response. Raises PortalError."""
        raise NotImplementedError

    def next_url(self) -> str:
        """Return the URL of the page after this one."""
        raise NotImplementedError

    def context(self) -> dict[str, Any]:
        """Return the context of the action's pages: `subject` is the row, if it exists, and `opts` its model's options.

        A refusal can offer a remedy: another action, on the row `owner`. For this, the context also needs `owner`,
        `owner_opts` (the options of its model) and `may_act` (whether the user may change that row).
        """
        raise NotImplementedError

    def initial(self) -> dict[str, Any]:
        return {}

    def words_for(self, refusal: PortalError, values: dict[str, Any]) -> str:  # noqa: ARG002
        """Return the text that the form shows if these values are refused, or "" for the refusal's own message."""
        return ""

    def page(self, form: forms.ActionForm) -> HttpResponse:
        form.ask_for_secrets_again()
        form.emptied = typed.emptied(self.request)
        ours: dict[str, Any] = {"words": self.words, "is_destructive": self.is_destructive}
        return self.render("staff/base/action.html", form=form, button=self.button, **ours)

    def settled(self, refusal: PortalError, *, status: int = 200) -> HttpResponse:
        """Return a page that says why the action is not possible now, with links to the next steps."""
        hint = refusal.hint or (TOO_LATE if isinstance(refusal, Conflict) else "")
        return self.render("staff/base/settled.html", status=status, refusal=refusal, hint=hint)

    @method_decorator(sensitive_variables("context"))
    def show_once(self, template: str, **context: Any) -> HttpResponse:
        """Return a page that shows a secret, with a header that forbids caching."""
        response = self.render(template, **context)
        response["Cache-Control"] = "no-store"
        return response

    def warn(self, message: str) -> None:
        """Show `message` as a warning on the next page; if the message is empty, show nothing."""
        if message:
            messages.warning(self.request, message)

    def done(self, message: str) -> HttpResponse:
        messages.success(self.request, message)
        return HttpResponseRedirect(self.next_url())

    def render(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        ours = {"title": self.title, "next_url": self.next_url(), **self.context()}
        values = {**site.each_context(self.request), **ours, **context}
        response = TemplateResponse(self.request, template, values, status=status)
        return response if "fragment" in values else response.render()
