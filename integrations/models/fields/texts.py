"""Fields for names and IDs. They handle the invisible characters that pasted text often contains."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from integrations.text.characters import code_and_name, hidden_within, identity, normalised_name, trimmed


class _OwnCharField(models.CharField[str, str]):
    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options  # migrations need only the column's class


class _PlainField(_OwnCharField):
    """A line of text without invisible characters. A stored value that contains some is accepted until it changes."""

    def normalised(self, text: str) -> str:
        raise NotImplementedError

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        if not isinstance(value, str):
            return super().clean(value, model_instance)
        text = self.normalised(value)
        hidden = hidden_within(text)
        if (text != value or hidden) and self._is_stored(value, model_instance):
            return value
        if hidden:
            raise ValidationError(complaint_about(hidden))
        return super().clean(text, model_instance)

    def _is_stored(self, value: object, row: models.Model | None) -> bool:
        if row is None or not row.pk:
            return False
        rows = self.model._default_manager  # noqa: SLF001  (documented by Django)
        return rows.filter(**{"pk": row.pk, self.attname: value}).exists()


class NameField(_PlainField):
    """A name: normalised to NFC, with single plain spaces between words."""

    def normalised(self, text: str) -> str:
        return normalised_name(text)


class IdField(_PlainField):
    """An ID from another system: unchanged except for invisible characters at its ends, which are removed."""

    def normalised(self, text: str) -> str:
        return trimmed(text)


class MatchField(_OwnCharField):
    """Stores the normalised form of an ID, for an index. `of` is the name of the field that contains the ID."""

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._of = of

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002
        text = identity(getattr(model_instance, self._of))
        setattr(model_instance, self.attname, text)
        return text


def longest(model: type[models.Model], name: str) -> int:
    """Return the maximum length of a text column."""
    return int(getattr(model._meta.get_field(name), "max_length", None) or 0)


def complaint_about(hidden: str) -> str:
    """Return the error message for a text that contains this invisible character."""
    return f"It contains {code_and_name(hidden)}, which is invisible. Delete that character, or type the text again."
