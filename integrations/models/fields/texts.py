"""Fields for names and IDs, which people copy from elsewhere with characters that cannot be seen."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from integrations.text.characters import called, hidden_within, identity, normalised_name, trimmed


class _PlainField(models.CharField[str, str]):
    """A line of text without hidden characters. What an older version stored otherwise stays valid until it changes."""

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

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options  # the same column, so no migration needs this class

    def _is_stored(self, value: object, row: models.Model | None) -> bool:
        if row is None or not row.pk:
            return False
        rows = self.model._default_manager  # noqa: SLF001  (Django's documented way to any model's rows)
        return rows.filter(**{"pk": row.pk, self.attname: value}).exists()


class NameField(_PlainField):
    """A name: composed (NFC), one plain space between words."""

    def normalised(self, text: str) -> str:
        return normalised_name(text)


class IdField(_PlainField):
    """An ID of somebody's system: as it was given, without hidden edges."""

    def normalised(self, text: str) -> str:
        return trimmed(text)


class MatchField(models.CharField[str, str]):
    """The form by which the ID in another field of the row is compared, stored so that an index finds the row."""

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._of = of

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002
        text = identity(getattr(model_instance, self._of))
        setattr(model_instance, self.attname, text)
        return text

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options


def complaint_about(hidden: str) -> str:
    """Return what is wrong with a text that holds this hidden character."""
    return f"It contains {called(hidden)}, which cannot be seen. Delete that character, or type the text again."
