"""Keeps the values typed into a sensitive form, except secrets, while the person confirms their identity."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.forms import BooleanField, ChoiceField, Field, FileInput, HiddenInput, PasswordInput
from django.http import HttpRequest
from django.utils.text import get_text_list

from integrations.services.requests.secret_members import is_never_shown

SESSION_KEY = "typed_before_confirming"
LONGEST = 10_000
STILL_TO_DO = "Nothing was changed yet. Check your entries and send the form."
_RECALLED, _SELECTED, _EMPTIED = "_typed", "_selected", "_emptied"

_TYPED_NAME = "typed name"

Fields = Mapping[str, Field]


class TypedName(str):
    """A name that a person typed instead of choosing a row."""

    __slots__ = ()


def keep(request: HttpRequest, fields: Fields, *, path: str, selected: Sequence[int] = ()) -> None:
    """Store the form's values in the session while the person proves their identity.

    `path` is the path of the page that shows the form again. `selected` are the rows that the form acts on.
    """
    values = {name: _typed_value(request, name, field) for name, field in fields.items() if _may_keep(name, field)}
    lost = [name for name, field in fields.items() if _is_secret(name, field) and request.POST.get(name)]
    request.session[SESSION_KEY] = {
        "user": request.user.pk,
        "path": path,
        "values": {name: value for name, value in values.items() if len(str(value)) <= LONGEST},
        "selected": list(selected),
        "secrets": {name: str(fields[name].label or name) for name in lost},
    }


def secrets_in(fields: Fields, posted: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields in which a secret was entered. A page never shows their values."""
    return [name for name, field in fields.items() if isinstance(field.widget, PasswordInput) and posted.get(name)]


def recall(request: HttpRequest) -> None:
    """Move the values kept for this page from the session to the request, and warn that the form is not sent yet."""
    kept = request.session.get(SESSION_KEY)
    if not kept or request.method != "GET" or kept["path"] != request.get_full_path():
        return
    del request.session[SESSION_KEY]
    if kept["user"] == request.user.pk:
        setattr(request, _RECALLED, {name: _restored(value) for name, value in kept["values"].items()})
        setattr(request, _SELECTED, kept.get("selected", []))  # the previous version stored no selected rows
        secrets = kept.get("secrets", {})
        setattr(request, _EMPTIED, list(secrets))
        again = f" Enter again: {get_text_list(list(secrets.values()), 'and')}." if secrets else ""
        messages.warning(request, f"{STILL_TO_DO}{again}")


def recalled(request: HttpRequest) -> dict[str, Any]:
    """Return the initial values that `recall` found for this request's form."""
    found: dict[str, Any] = getattr(request, _RECALLED, {})
    return found


def emptied(request: HttpRequest) -> list[str]:
    """Return the names of the fields whose secret must be entered again, because `keep` did not store it."""
    found: list[str] = getattr(request, _EMPTIED, [])
    return found


def selected(request: HttpRequest) -> list[int]:
    """Return the selected rows that `recall` found for this request's form."""
    found: list[int] = getattr(request, _SELECTED, [])
    return found


def _may_keep(name: str, field: Field) -> bool:
    return not isinstance(field.widget, (FileInput, HiddenInput)) and not _is_secret(name, field)


def _is_secret(name: str, field: Field) -> bool:
    if isinstance(field, (ChoiceField, BooleanField)):
        return False
    return isinstance(field.widget, PasswordInput) or is_never_shown(name)


def _typed_value(request: HttpRequest, name: str, field: Field) -> Any:
    return _stored(field.widget.value_from_datadict(request.POST, request.FILES, name))


def _stored(value: Any) -> Any:
    """Return a value as the session stores it, in JSON; a TypedName becomes an object with one key."""
    if isinstance(value, list):
        return [_stored(each) for each in value]
    return {_TYPED_NAME: str(value)} if isinstance(value, TypedName) else value


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(each) for each in value]
    return TypedName(value[_TYPED_NAME]) if isinstance(value, dict) else value
