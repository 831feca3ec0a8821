"""Keeps the values typed into a sensitive form, except secrets, while the person confirms their identity."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.forms import BooleanField, ChoiceField, Field, FileInput, HiddenInput, MultipleChoiceField, PasswordInput
from django.forms.models import ModelMultipleChoiceField
from django.http import HttpRequest

from integrations.services.requests.secret_members import is_never_shown

SESSION_KEY = "typed_before_confirming"
LONGEST = 10_000
STILL_TO_DO = "Nothing was changed yet. Check your entries, enter secrets again, and send the form."
_RECALLED, _SELECTED = "_typed", "_selected"

Fields = Mapping[str, Field]


def keep(request: HttpRequest, fields: Fields, *, path: str, selected: Sequence[int] = ()) -> None:
    """Store the values of a form that needs a proof first, in the session, under the address that shows it again.

    `selected` are the rows that the form acts on.
    """
    values = {name: _value(request, name, field) for name, field in fields.items() if _may_keep(name, field)}
    request.session[SESSION_KEY] = {
        "user": request.user.pk,
        "path": path,
        "values": {name: value for name, value in values.items() if len(str(value)) <= LONGEST},
        "selected": list(selected),
    }


def recall(request: HttpRequest) -> None:
    """Move the values kept for this page from the session to the request, and warn that the form is not sent yet."""
    kept = request.session.get(SESSION_KEY)
    if not kept or request.method != "GET" or kept["path"] != request.get_full_path():
        return
    del request.session[SESSION_KEY]
    if kept["user"] == request.user.pk:
        setattr(request, _RECALLED, kept["values"])
        setattr(request, _SELECTED, kept.get("selected", []))  # the previous version stored none
        messages.warning(request, STILL_TO_DO)


def recalled(request: HttpRequest) -> dict[str, Any]:
    """Return the initial values that `recall` found for this request's form."""
    found: dict[str, Any] = getattr(request, _RECALLED, {})
    return found


def selected(request: HttpRequest) -> list[int]:
    """Return the rows that `recall` found for this request's form."""
    found: list[int] = getattr(request, _SELECTED, [])
    return found


def _may_keep(name: str, field: Field) -> bool:
    if isinstance(field.widget, (PasswordInput, FileInput, HiddenInput)):
        return False
    return isinstance(field, (ChoiceField, BooleanField)) or not is_never_shown(name)


def _value(request: HttpRequest, name: str, field: Field) -> Any:
    if isinstance(field, (MultipleChoiceField, ModelMultipleChoiceField)):
        return request.POST.getlist(name)
    if isinstance(field, BooleanField):
        return name in request.POST
    return request.POST.get(name, "")
