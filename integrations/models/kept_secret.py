"""Secrets whose digests are stored, and the rows that own a secret."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, Self, TypeVar

from django.db import models
from django.db.models import Q

from integrations.security.secret_digests import Algorithm

Kept = TypeVar("Kept", bound="KeptSecret")


class MayEnd(Protocol):
    """What the rule below reads of a secret: a row, or the columns of one."""

    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def retired_at(self) -> datetime | None: ...


def is_live(secret: MayEnd, now: datetime) -> bool:
    """Return whether a secret is accepted at `now`: it is not retired and has not expired."""
    return secret.retired_at is None and (secret.expires_at is None or secret.expires_at > now)


def algorithms() -> list[tuple[str, str]]:
    """Return the choices of KeptSecret.algorithm; a function, so that another one needs no migration."""
    return [(each.value, each.value) for each in Algorithm]


class KeptSecretQuerySet(models.QuerySet[Kept]):
    def live(self, now: datetime) -> Self:
        """Return the secrets for which `is_live` holds."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), retired_at=None)

    def in_overlap(self, now: datetime) -> Self:
        """Return the secrets that were replaced and are still accepted."""
        return self.live(now).filter(is_current=False)

    def supersede(self, now: datetime, overlap: timedelta) -> None:
        """Make room for newer secrets; accept these for `overlap` more, or for what is left of their lives."""
        if not overlap:
            self.retire(now, reason="rotated without overlap")
            return
        until = now + overlap
        self.exclude(expires_at__lt=until).update(expires_at=until)
        self.update(is_current=False)

    def retire(self, now: datetime, *, reason: str) -> None:
        """Accept these secrets no longer, for good."""
        self.update(is_current=False, retired_at=now, retired_reason=reason)


class KeptSecret(models.Model):
    """The digest of one secret, with its history. It is never deleted, and its secret is never shown again."""

    algorithm = models.CharField(max_length=16, choices=algorithms)
    digest = models.CharField(max_length=200, unique=True, editable=False)
    key_id = models.CharField(max_length=8, editable=False)
    shown = models.CharField("recognisable by", max_length=32)
    is_current = models.BooleanField("current", default=True)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    retired_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.shown

    @property
    def version(self) -> str:
        """Return what tells this secret from those before and after it."""
        return str(self.pk)

    def is_live(self, now: datetime) -> bool:
        return is_live(self, now)

    def is_in_overlap(self, now: datetime) -> bool:
        """Return whether this secret was replaced and is still accepted."""
        return is_live(self, now) and not self.is_current


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
