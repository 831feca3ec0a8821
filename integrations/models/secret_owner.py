from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, Self

from django.db import models

from integrations.models.kept_secret import KeptSecretQuerySet, MayEnd


class OwnedSecret(MayEnd, Protocol):
    """A secret of an owner. `version` tells it from those before and after it."""

    @property
    def version(self) -> str: ...


class SecretOwner(models.Model):
    """A row with one current secret, and an older one while an overlap lasts. See services/life_cycle.py."""

    locked_with: ClassVar[tuple[str, ...]] = ("organisation",)

    class Meta:
        abstract = True

    def locked(self) -> Self:
        """Return the row as it is now, with the rows of `locked_with`, locked until the transaction ends.

        The lock does not stop others from inserting references to the row: requests and connections do so all the time.
        """
        rows = type(self)._default_manager.select_for_update(of=("self",), no_key=True)  # noqa: SLF001  (documented)
        return rows.select_related(*self.locked_with).get(pk=self.pk)

    def current_secret(self) -> OwnedSecret | None:
        raise NotImplementedError

    def older_secret(self, now: datetime) -> OwnedSecret | None:
        """Return the replaced secret that is still accepted, if there is one."""
        raise NotImplementedError

    def supersede_secret(self, now: datetime, overlap: timedelta) -> None:
        """Accept the current secret for `overlap` more."""
        raise NotImplementedError

    def retire_older_secret(self, now: datetime) -> list[str]:
        """Accept the replaced secret no longer; return by what people recognise it, if that is known."""
        raise NotImplementedError


class KeptSecretOwner(SecretOwner):
    """An owner whose secrets are rows, each with a digest."""

    class Meta:
        abstract = True

    def kept_secrets(self) -> KeptSecretQuerySet[Any]:
        raise NotImplementedError

    def current_secret(self) -> Any:
        return self.kept_secrets().filter(is_current=True).first()

    def older_secret(self, now: datetime) -> Any:
        return self.kept_secrets().in_overlap(now).first()

    def supersede_secret(self, now: datetime, overlap: timedelta) -> None:
        self.kept_secrets().filter(is_current=True).supersede(now, overlap)

    def retire_older_secret(self, now: datetime) -> list[str]:
        older = self.kept_secrets().in_overlap(now)
        shown = [each.shown for each in older]
        older.retire(now, reason="overlap ended by staff")
        return shown
