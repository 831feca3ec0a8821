"""Form fields that choose among rows. A value that cannot be a primary key is a form error, like a wrong choice.

Django's own fields pass some values to the database unchecked: a number beyond 64 bits, or a text instead of a number
when the form is shown again. The response would be a 500.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField

from integrations.staff.base.lookups import is_key


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
    """An autocompleting widget. It shows the chosen row, and nothing for a value that cannot be a primary key."""

    def optgroups(self, name: str, value: Iterable[Any], attrs: dict[str, Any] | None = None) -> Any:
        model = _queryset_of(self.choices.field).model
        return super().optgroups(name, [each for each in value if is_key(model, str(each))], attrs)


def _queryset_of(field: Any) -> QuerySet[Model]:
    found: QuerySet[Model] = field.queryset
    return found
