"""Form fields that choose among rows. A value that cannot be a primary key is a form error, like a wrong choice.

Django's own fields pass some values to the database unchecked: a number beyond 64 bits, or a text instead of a number
when the form is shown again. The response would be a 500.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Media, ModelChoiceField, ModelMultipleChoiceField, Select
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.services.people import scope
from integrations.staff.base.lookups import is_key

MOST_LISTED = 500  # rows in a page, which stays below 150 KB
TYPED = """{}<noscript><p class="help"><label>Without JavaScript, type the whole name:
<input type="text" name="{}" value="{}" class="vTextField" autocomplete="off"></label></p></noscript>"""
UNKNOWN_NAME = "There is no %(what)s “%(value)s”. Type the whole name, as the list of them shows it."


class TypedName(str):
    """A name that a person typed instead of choosing a row."""

    __slots__ = ()


class RowField(ModelChoiceField[Any]):
    """A choice of one row, or its name."""

    def to_python(self, value: Any) -> Model | None:
        if isinstance(value, TypedName):
            return self._named(value)
        if isinstance(value, str) and value and not is_key(_queryset_of(self).model, value):
            raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": value})
        return super().to_python(value)

    def _named(self, typed: str) -> Model:
        rows = _queryset_of(self)
        field: Any = rows.model._meta.get_field("name")
        if found := rows.filter(name=field.clean(typed, None)).first():
            return found
        raise ValidationError(UNKNOWN_NAME, "unknown_name", {"value": typed, "what": rows.model._meta.verbose_name})


class RowsField(ModelMultipleChoiceField[Any]):
    """A choice of any number of rows."""

    def clean(self, value: Any) -> Any:
        for key in value or ():
            if isinstance(key, str) and not is_key(_queryset_of(self).model, key):
                raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": key})
        return super().clean(value)


class RowSelect(AutocompleteSelect):
    """A list of all rows, which needs no scripts. With more than MOST_LISTED rows, a field that searches them instead.

    It shows the chosen row, and nothing for a value that cannot be a primary key. Without scripts, a second field takes
    the name of one of many rows.
    """

    typed = ""

    @cached_property
    def is_short(self) -> bool:
        rows = _queryset_of(self.choices.field).order_by().values_list("pk", flat=True)
        return len(rows[: MOST_LISTED + 1]) <= MOST_LISTED

    @property
    def media(self) -> Media:
        return Media() if self.is_short else super().media

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        self.typed = str(data.get(_typed_name(name), "")).strip()
        return TypedName(self.typed) if self.typed else super().value_from_datadict(data, files, name)

    def use_required_attribute(self, initial: Any) -> bool:
        """Return False if the name may be typed instead: a browser would insist on a choice from the list."""
        return self.is_short and super().use_required_attribute(initial)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = super().render(name, value, attrs, renderer)
        return chosen if self.is_short else format_html(TYPED, chosen, _typed_name(name), self.typed)

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        if self.is_short:
            return Select.build_attrs(self, base_attrs, extra_attrs)
        return super().build_attrs(base_attrs, extra_attrs)

    def optgroups(self, name: str, value: Iterable[Any], attrs: dict[str, Any] | None = None) -> Any:
        model = _queryset_of(self.choices.field).model
        keys = [each for each in value if not self.typed and (each == "" or is_key(model, str(each)))]
        return Select.optgroups(self, name, keys, attrs) if self.is_short else super().optgroups(name, keys, attrs)


def _typed_name(name: str) -> str:
    return f"{name}_name"


def no_organisation(person: AbstractBaseUser | AnonymousUser) -> str:
    """Return the label of the empty choice: all organisations, or a prompt if a limited person must choose one."""
    return "Choose an organisation" if scope.is_limited(person) else "All organisations"


def _queryset_of(field: Any) -> QuerySet[Model]:
    found: QuerySet[Model] = field.queryset
    return found
