"""Form fields that choose among rows. A value that cannot be a primary key is a form error, like a wrong choice.

Django's own fields pass some of these values to the database, which causes a 500. Examples are a number beyond 64 bits
and, when the form is shown again after an error, a text instead of a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.admin import site
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import ManyToManyField, Model, QuerySet
from django.forms import Media, ModelChoiceField, ModelMultipleChoiceField, Select
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.services.people import scope
from integrations.staff.base.lookups import is_key
from integrations.staff.signing_in.typed import TypedName

MOST_LISTED = 500  # rows in a list; a page with a list of this length stays below 150 KB
MOST_TICKED = 50  # checkboxes in a page
MOST_TYPED = 1000  # names in one field
TYPED = """{}<noscript><p class="help"><label>Without JavaScript, type the whole name:
<input type="text" name="{}" value="{}" class="vTextField" autocomplete="off"></label></p></noscript>"""
TYPED_LINES = """{}<noscript><p class="help"><label>Without JavaScript, type whole names, each on a line of its own:
<textarea name="{}" rows="4" class="vLargeTextField" autocomplete="off">{}</textarea></label></p></noscript>"""
UNKNOWN_NAME = "There is no %(what)s “%(value)s”. Type the whole name, as the list of them shows it."


class RowField(ModelChoiceField[Any]):
    """A choice of one row. The browser sends the row's key or a typed name."""

    def to_python(self, value: Any) -> Model | None:
        if isinstance(value, TypedName):
            return self._named(value)
        if isinstance(value, str) and value and not is_key(_queryset_of(self).model, value):
            raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": value})
        return super().to_python(value)

    def _named(self, typed: str) -> Model:
        if found := _rows_named(self, [typed]):
            return found[0]
        raise _unknown_name(self, typed)


class RowsField(ModelMultipleChoiceField[Any]):
    """A choice of any number of rows. For each row, the browser sends the row's key or a typed name."""

    def clean(self, value: Any) -> Any:
        given = list(value or ())
        for key in given:
            is_wrong = isinstance(key, str) and not isinstance(key, TypedName)
            if is_wrong and not is_key(_queryset_of(self).model, key):
                raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": key})
        named = self._named([each for each in given if isinstance(each, TypedName)])
        return super().clean([*(each for each in given if not isinstance(each, TypedName)), *named])

    def _named(self, typed: Sequence[TypedName]) -> list[Any]:
        if len(typed) > MOST_TYPED:
            raise ValidationError(f"Type at most {MOST_TYPED} names at a time, save, then add the others.")
        found = _rows_named(self, typed)
        known = {row.name for row in found}  # type: ignore[attr-defined]
        for each in typed:
            if _as_stored(self, each) not in known:
                raise _unknown_name(self, each)
        return [row.pk for row in found]


def _rows_named(field: Any, typed: Sequence[str]) -> list[Model]:
    return list(_queryset_of(field).filter(name__in=[_as_stored(field, each) for each in typed])) if typed else []


def _as_stored(field: Any, typed: str) -> str:
    names: Any = _queryset_of(field).model._meta.get_field("name")
    stored: str = names.clean(typed, None)
    return stored


def _unknown_name(field: Any, typed: str) -> ValidationError:
    called = _queryset_of(field).model._meta.verbose_name
    return ValidationError(UNKNOWN_NAME, "unknown_name", {"value": typed, "what": called})


class RowSelect(AutocompleteSelect):
    """A list of all rows, or a field that searches them if there are more than MOST_LISTED.

    Both show the chosen row. A value that cannot be a primary key is shown as no choice. Only the search needs scripts.
    In a browser without scripts, the row's name can be typed into a second field.
    """

    typed = ""

    @cached_property
    def is_short(self) -> bool:
        return not _are_more_than(MOST_LISTED, _queryset_of(self.choices.field))

    @property
    def media(self) -> Media:
        return Media() if self.is_short else super().media

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        self.typed = str(data.get(_typed_name(name), "")).strip()
        return TypedName(self.typed) if self.typed else super().value_from_datadict(data, files, name)

    def use_required_attribute(self, initial: Any) -> bool:
        """Return False if a name can be typed, because the browser would require a choice even if a name is typed."""
        return self.is_short and super().use_required_attribute(initial)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        if isinstance(value, TypedName):
            self.typed = value
        chosen = super().render(name, value, attrs, renderer)
        return chosen if self.is_short else format_html(TYPED, chosen, _typed_name(name), self.typed)

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        if self.is_short:
            return Select.build_attrs(self, base_attrs, extra_attrs)
        return super().build_attrs(base_attrs, extra_attrs)

    def optgroups(self, name: str, value: Iterable[Any], attrs: dict[str, Any] | None = None) -> Any:
        keys = [] if self.typed else _keys_in(value, self)
        return Select.optgroups(self, name, keys, attrs) if self.is_short else super().optgroups(name, keys, attrs)


class RowsSearch(AutocompleteSelectMultiple):
    """A field that searches rows and shows the chosen ones. Without scripts, names can be typed into a second field."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        chosen = super().value_from_datadict(data, files, name) or []
        typed = (line.strip() for line in str(data.get(_typed_name(name), "")).splitlines())
        return [*chosen, *(TypedName(line) for line in typed if line)]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = super().render(name, value, attrs, renderer)
        typed = "\n".join(each for each in value or () if isinstance(each, TypedName))
        return format_html(TYPED_LINES, chosen, _typed_name(name), typed)

    def optgroups(self, name: str, value: Iterable[Any], attrs: dict[str, Any] | None = None) -> Any:
        return super().optgroups(name, _keys_in(value, self), attrs)


def search_if_many(field: ModelMultipleChoiceField[Any], relation: "ManyToManyField[Any, Any]") -> None:
    """Offer the rows of a field as checkboxes, or in a search field if there are too many for a page.

    `relation` is the model's field, which Django's search needs for the address of its results.
    """
    rows = list(_queryset_of(field)[: MOST_TICKED + 1])
    if len(rows) > MOST_TICKED:
        field.widget = RowsSearch(relation, site)
        field.widget.choices = field.choices
    else:
        tick(field, rows)


def tick(field: ModelMultipleChoiceField[Any], rows: Iterable[Model]) -> None:
    """Offer these rows in the field. The caller has read them, so the widget need not read them again."""
    field.widget.choices = [(row.pk, field.label_from_instance(row)) for row in rows]


def _are_more_than(count: int, rows: QuerySet[Model]) -> bool:
    return len(rows.order_by().values_list("pk", flat=True)[: count + 1]) > count


def _keys_in(value: Iterable[Any], widget: Any) -> list[Any]:
    """Return the values that could be primary keys. Empty values, which stand for the empty choice, are kept too."""
    model = _queryset_of(widget.choices.field).model
    return [each for each in value if each == "" or (not isinstance(each, TypedName) and is_key(model, str(each)))]


def _typed_name(name: str) -> str:
    return f"{name}_name"


def no_organisation(person: AbstractBaseUser | AnonymousUser) -> str:
    """Return the label of the empty choice: all organisations, or a prompt if a limited person must choose one."""
    return "Choose an organisation" if scope.is_limited(person) else "All organisations"


def _queryset_of(field: Any) -> QuerySet[Model]:
    found: QuerySet[Model] = field.queryset
    return found
