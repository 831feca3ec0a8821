"""Form fields that choose among rows. A value that cannot be a primary key is a form error, like a wrong choice.

Django's own fields pass some values to the database unchecked: a number beyond 64 bits, or a text instead of a number
when the form is shown again. The response would be a 500.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Media, ModelChoiceField, ModelMultipleChoiceField, Select
from django.utils.functional import cached_property

from integrations.services.people import scope
from integrations.staff.base.lookups import is_key

MOST_LISTED = 500  # rows in a page, which stays below 150 KB


class RowField(ModelChoiceField[Any]):
    """A choice of one row."""

    def to_python(self, value: Any) -> Model | None:
        if isinstance(value, str) and value and not is_key(_queryset_of(self).model, value):
            raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": value})
        return super().to_python(value)


class RowsField(ModelMultipleChoiceField[Any]):
    """A choice of any number of rows."""

    def clean(self, value: Any) -> Any:
        for key in value or ():
            if isinstance(key, str) and not is_key(_queryset_of(self).model, key):
                raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": key})
        return super().clean(value)


class RowSelect(AutocompleteSelect):
    """A list of all rows, which needs no scripts. With more than MOST_LISTED rows, a field that searches them instead.

    It shows the chosen row, and nothing for a value that cannot be a primary key.
    """

    @cached_property
    def is_short(self) -> bool:
        rows = _queryset_of(self.choices.field).order_by().values_list("pk", flat=True)
        return len(rows[: MOST_LISTED + 1]) <= MOST_LISTED

    @property
    def media(self) -> Media:
        return Media() if self.is_short else super().media

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        if self.is_short:
            return Select.build_attrs(self, base_attrs, extra_attrs)
        return super().build_attrs(base_attrs, extra_attrs)

    def optgroups(self, name: str, value: Iterable[Any], attrs: dict[str, Any] | None = None) -> Any:
        model = _queryset_of(self.choices.field).model
        keys = [each for each in value if each == "" or is_key(model, str(each))]
        return Select.optgroups(self, name, keys, attrs) if self.is_short else super().optgroups(name, keys, attrs)


def no_organisation(person: AbstractBaseUser | AnonymousUser) -> str:
    """Return the label of the empty choice: all organisations, or a prompt if a limited person must choose one."""
    return "Choose an organisation" if scope.is_limited(person) else "All organisations"


def _queryset_of(field: Any) -> QuerySet[Model]:
    found: QuerySet[Model] = field.queryset
    return found
