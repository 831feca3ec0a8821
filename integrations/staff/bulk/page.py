"""Bulk actions: check a file or a selection, show the result row by row, and carry out the action once confirmed.

The check page holds the checked rows as a sealed value (services/bulk/confirming.py). The response to the confirmation
is the page or the file with the new secrets. No other response ever shows them.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from integrations.models import Outlet
from integrations.services.bulk import confirming
from integrations.services.bulk.confirming import Checked, NothingToDo
from integrations.services.bulk.plan import BulkAction, PlannedRow, RowsChanged, Verdict
from integrations.services.bulk.result_file import NamedHandOver, note_on_rotation, result_csv
from integrations.services.errors import PortalError
from integrations.staff.base import rights
from integrations.staff.base.actions import Action
from integrations.staff.base.forms import ActionForm
from integrations.staff.bulk import forms
from integrations.staff.signing_in import proof, typed
from integrations.staff.signing_in.actors import actor_of
from integrations.text.characters import printable

TITLES = {
    BulkAction.ENABLE: "Enable outlets from a file",
    BulkAction.DISABLE: "Disable many outlets",
    BulkAction.REENABLE: "Enable many outlets again",
    BulkAction.ROTATE: "Rotate many secrets",
}
BUTTONS = {  # the label for one outlet, and for several
    BulkAction.ENABLE: ("Enable this outlet", "Enable these {:,} outlets"),
    BulkAction.DISABLE: ("Disable this outlet", "Disable these {:,} outlets"),
    BulkAction.REENABLE: ("Enable this outlet again", "Enable these {:,} outlets again"),
    BulkAction.ROTATE: ("Rotate this secret", "Rotate these {:,} secrets"),
}
CHANGED = (
    "Nothing was changed now: the outlets changed after the check. If you confirmed twice, the first confirmation was "
    "carried out, and only its page or file has the new secrets. If you do not have it, rotate these secrets. "
    "Below is what would happen now."
)


@method_decorator(sensitive_post_parameters("checked"), name="dispatch")
class BulkActionPage(Action):
    """Asks the user to confirm a checked bulk action, and carries it out. Each subclass makes its own check."""

    bulk_action: BulkAction
    is_sensitive = True
    words = ""
    button = ""

    @property
    def title(self) -> str:  # type: ignore[override]
        return TITLES[self.bulk_action]

    @property
    def form_class(self) -> type[ActionForm]:  # type: ignore[override]
        return forms.CONFIRMING[self.bulk_action]

    def context(self) -> dict[str, Any]:
        return {"opts": Outlet._meta}

    @method_decorator(sensitive_variables())
    def confirm(self) -> HttpResponse:
        """Carry out the checked action. If the rows have changed since the check, show a new check page instead."""
        form, sealed = self.make_form(self.request.POST), self.request.POST["checked"]
        try:
            checked = confirming.check_again(sealed, action=self.bulk_action, actor=self.actor)
            if not form.is_valid():
                return self.check_page(checked, form)
            done = confirming.confirm(sealed, actor=self.actor, **form.cleaned_data)
        except confirming.CheckUnreadable as refusal:
            return self.settled(refusal, status=409)
        except RowsChanged:
            return self.check_page(checked, self.make_form(), changed=CHANGED, status=409)
        except PortalError as refusal:
            form.refuse(refusal)
            return self.check_page(checked, form)
        return self.result(checked, done, form.cleaned_data)

    @method_decorator(sensitive_variables())
    def check_page(self, checked: Checked, form: ActionForm, *, changed: str = "", status: int = 200) -> HttpResponse:
        """Show row by row what would happen. The page contains a sealed value, so it forbids caching."""
        response = self.render(
            "staff/bulk/checked.html",
            status=status,
            form=form,
            checked=checked,
            changed=changed,
            rows=_wrong_first(checked.plan),
            button=_button(self.bulk_action, checked.acting),
            confirm_url=_confirm_url(self.bulk_action),
            gives_secrets=self.bulk_action in (BulkAction.ENABLE, BulkAction.ROTATE),
            is_file=self.bulk_action is BulkAction.ENABLE,
        )
        response["Cache-Control"] = "no-store"
        return response

    @method_decorator(sensitive_variables())
    def result(self, checked: Checked, done: Sequence[NamedHandOver], values: dict[str, Any]) -> HttpResponse:
        """Return the new secrets as a file or on a page. No other response contains them."""
        note = note_on_rotation(values["overlap"]) if "overlap" in values else "a new secret"
        if "as_file" in self.request.POST:
            return _file(result_csv(done, note))
        return self.show_once(
            "staff/bulk/done.html",
            checked=checked,
            rows=done,
            note=note,
            reason=values.get("reason", ""),
            gives_secrets=any(each.handover.auth_secret for each in done),
        )


class EnableFromFile(BulkActionPage):
    """Checks a file of outlets; nothing changes until the user confirms the check page."""

    bulk_action = BulkAction.ENABLE
    max_body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    words = "staff/bulk/words/upload_outlets.html"

    def is_allowed(self) -> bool:
        return rights.may_enable(self.request)

    def find(self) -> None:  # type: ignore[override]
        """Do nothing, because the outlets are in the file."""

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.upload_page(forms.UploadForm())

    @method_decorator(sensitive_variables())
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        if "checked" in request.POST:
            return self.confirm()
        form = forms.UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.upload_page(form)
        file = form.cleaned_data["file"]
        try:
            checked = confirming.check_file(file.read(), name=printable(file.name, 200), actor=self.actor)
        except PortalError as refusal:
            form.add_error("file", str(refusal))
            return self.upload_page(form)
        return self.check_page(checked, self.make_form())

    def upload_page(self, form: ActionForm) -> HttpResponse:
        return self.render("staff/base/action.html", form=form, button="Check the file", words=self.words)

    def next_url(self) -> str:
        return _list_url(self.request)


class ActOnSelection(BulkActionPage):
    """Carries out a bulk action on outlets that were selected in a list, once the user confirms it.

    The list calls `check_selection` to show the check page. If the user must first prove their identity, a GET then
    shows the check page for the same outlets, with the same input.
    """

    def is_allowed(self) -> bool:
        return rights.may_act(self.request)

    def find(self, action: str) -> None:  # type: ignore[override]
        if action not in BulkAction.values or action == BulkAction.ENABLE:
            raise Http404("There is no such bulk action.")
        self.bulk_action = BulkAction(action)

    def ask_if_stale(self) -> HttpResponseBase | None:
        chosen = confirming.rows_of(self.request.POST.get("checked", ""), actor=self.actor)
        return proof.ask_if_stale(self.request, self.form_class.base_fields, selected=chosen)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            checked = confirming.check_selection(self.bulk_action, typed.selected(self.request), actor=self.actor)
        except NothingToDo:
            return HttpResponseRedirect(self.next_url())
        return self.check_page(checked, self.make_form())

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.confirm() if "checked" in request.POST else HttpResponseRedirect(self.next_url())

    def next_url(self) -> str:
        return _list_url(self.request)


def check_selection(request: HttpRequest, action: BulkAction, ids: Sequence[int]) -> HttpResponse:
    """Return the check page of a list's bulk action, or a redirect to the proof of identity. Raises PortalError."""
    if not proof.is_recent(request):
        return proof.ask(request, {}, path=_confirm_url(action), selected=ids)
    view = ActOnSelection()
    view.setup(request, action=action.value)
    view.bulk_action, view.actor = action, actor_of(request)
    return view.check_page(confirming.check_selection(action, ids, actor=view.actor), view.make_form())


def _button(action: BulkAction, outlets: int) -> str:
    one, several = BUTTONS[action]
    return one if outlets == 1 else several.format(outlets)


def _confirm_url(action: BulkAction) -> str:
    if action is BulkAction.ENABLE:
        return reverse("admin:integrations_outlet_enable_from_file")
    return reverse("admin:integrations_integration_many", args=(action.value,))


def _list_url(request: HttpRequest) -> str:
    return reverse("admin:integrations_outlet_changelist" if rights.may_see(request, Outlet) else "admin:index")


def _file(text: str) -> HttpResponse:
    response = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="order-n-pay-{timezone.localtime():%Y-%m-%d-%H%M}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _wrong_first(rows: Sequence[PlannedRow]) -> list[PlannedRow]:
    return sorted(rows, key=lambda row: (row.verdict is not Verdict.WRONG, not row.warning))
