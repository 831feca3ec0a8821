"""Refuses URL parameters of a list that come neither from the list's controls nor from a link in the portal.

Django's lists accept any lookup on a local field, so a viewer could search columns that no page shows, or
make the database evaluate a regular expression for minutes.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib.admin import FieldListFilter, ModelAdmin
from django.contrib.admin.options import IS_FACETS_VAR, IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.db import connection
from django.db.models import BooleanField, DateTimeField, Field, IntegerField, Model
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

LONGEST_SEARCH = 200
MOST_VALUES = 20  # values of one filter in a URL; the list shows rows with any of them
# Outside this range, a conversion to another time zone may leave the range of datetime.
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
YES_OR_NO = ("True", "False", "1", "0")
_NUMBER = re.compile(r"-?[0-9]{1,19}")

# URL parameters that every list accepts besides lookups, and their valid values.
_LIST_PARAMETERS = {
    SEARCH_VAR: re.compile(rf"[^\x00]{{0,{LONGEST_SEARCH}}}"),
    PAGE_VAR: re.compile(r"[1-9][0-9]{0,5}"),
    ORDER_VAR: re.compile(r"(-?[0-9]{1,2}(\.-?[0-9]{1,2}){0,20})?"),
    ALL_VAR: re.compile(r"[01]?"),
    IS_FACETS_VAR: re.compile(r"(True|1)?"),
    IS_POPUP_VAR: re.compile(r"1?"),
    TO_FIELD_VAR: re.compile(r"[a-z_]{1,64}"),  # Django then refuses a field that no relation refers to
}


class LookupRefused(BadRequest):
    """The URL asks for something that the page does not offer. The response is a page with status 400."""


class ListParameters:
    """Mixin for admin classes: declares parameters that a list accepts in its URL in addition to its filters.

    `links` are the lookups that the portal's links to the list use. `cursors` are the parameters that hold a cursor.
    """

    links: ClassVar[tuple[str, ...]] = ()
    cursors: ClassVar[tuple[str, ...]] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        try:
            _check_parameter(self, request, lookup, value)  # type: ignore[arg-type]
        except LookupRefused:
            return False
        return True


def check_list(model_admin: ModelAdmin[Any], request: HttpRequest) -> None:
    """Check every parameter in the URL of a list. Raises LookupRefused."""
    for name, values in request.GET.lists():
        if len(values) > (MOST_VALUES if name.endswith("__exact") else 1):
            raise LookupRefused(f"The address has too many values for {name[:60]!r}.")
        for value in values:
            _check_parameter(model_admin, request, name, value)


def check_key(model: type[Model], value: str) -> None:
    """Check that a value could be a primary key. Raises LookupRefused."""
    check_value(model._meta.pk, value)


def is_key(model: type[Model], value: str) -> bool:
    """Return whether a value could be a primary key."""
    return _is_valid(model._meta.pk, value)


def check_value(field: "Field[Any, Any]", value: str) -> None:
    """Check that a column could hold a value. Raises LookupRefused."""
    if not _is_valid(field, value):
        raise LookupRefused("The value of a filter is not valid.")


def check_search(text: str) -> None:
    """Check a search text. Raises LookupRefused."""
    _check_format(SEARCH_VAR, text)


def _check_parameter(model_admin: ModelAdmin[Any], request: HttpRequest, name: str, value: str) -> None:
    if name in _LIST_PARAMETERS:
        _check_format(name, value)
    elif name in getattr(model_admin, "cursors", ()) or name in _custom_filters(model_admin, request):
        return  # the code that reads these values checks them
    elif name in getattr(model_admin, "links", ()) or name in _field_filters(model_admin, request):
        *path, kind = name.split("__")
        _check_lookup(get_fields_from_path(model_admin.model, "__".join(path))[-1], kind, value)
    else:
        raise LookupRefused(f"The list has no filter {name[:60]!r}.")


def _check_format(name: str, value: str) -> None:
    if not _LIST_PARAMETERS[name].fullmatch(value):
        raise LookupRefused(f"The value of {name!r} is not valid.")


def _custom_filters(model_admin: ModelAdmin[Any], request: HttpRequest) -> Iterator[str]:
    """Yield the parameter of each filter that is not based on a model field."""
    for each in model_admin.get_list_filter(request):
        if name := getattr(each, "parameter_name", None):
            yield from getattr(each, "inputs", (name,))


def _field_filters(model_admin: ModelAdmin[Any], request: HttpRequest) -> Iterator[str]:
    """Yield the lookups of the filters that are based on a model field."""
    for each in model_admin.get_list_filter(request):
        path, kind = each if isinstance(each, (tuple, list)) else (each, FieldListFilter.create)
        if isinstance(path, str):
            field = get_fields_from_path(model_admin.model, path)[-1]
            make: Any = kind
            spec = make(field, request, {}, model_admin.model, model_admin, field_path=path)
            yield from (name for name in spec.expected_parameters() if name)


def _check_lookup(field: "Field[Any, Any]", kind: str, value: str) -> None:
    if kind == "isnull":
        is_valid = value in YES_OR_NO
    elif field.choices:
        is_valid = value in {str(choice) for choice, _ in field.flatchoices}
    else:
        return check_value(field, value)
    if not is_valid:
        raise LookupRefused("The value of a filter is not valid.")
    return None


def _is_valid(field: "Field[Any, Any]", value: str) -> bool:
    if isinstance(field, BooleanField):
        return value in YES_OR_NO
    if isinstance(field, DateTimeField):
        return _is_moment(value)
    if isinstance(field, IntegerField):
        lowest, highest = connection.ops.integer_field_range(field.get_internal_type())
        return bool(_NUMBER.fullmatch(value)) and (lowest or 0) <= int(value) <= (highest or 2**63 - 1)
    try:
        field.clean(value, None)
    except ValidationError:
        return False
    return "\x00" not in value


def _is_moment(value: str) -> bool:
    try:
        moment = parse_datetime(value)
    except ValueError:
        return False
    return moment is not None and moment.tzinfo is not None and EARLIEST <= moment <= LATEST
