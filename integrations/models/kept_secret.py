"""Base models for secrets that are stored as digests, and for rows that own a secret."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, Self, TypeVar

from django.db import models
from django.db.models import Q

from integrations.security.secret_digests import Algorithm

Kept = TypeVar("Kept", bound="KeptSecret")


class SecretDates(Protocol):
    """The dates that `is_live` reads from a secret."""

    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def retired_at(self) -> datetime | None: ...


def is_live(secret: SecretDates, now: datetime) -> bool:
    """Return whether a secret is accepted at `now`: it is not retired and has not expired."""
    return secret.retired_at is None and not has_expired(secret.expires_at, now)


def has_expired(expires_at: datetime | None, now: datetime) -> bool:
    """Return whether a secret with this expiry time has expired at `now`. None means that it does not expire."""
    return expires_at is not None and expires_at <= now


def algorithms() -> list[tuple[str, str]]:
    """Return the choices of KeptSecret.algorithm. Because this is a function, a new choice needs no migration."""
    return [(each.value, each.value) for each in Algorithm]


class KeptSecretQuerySet(models.QuerySet[Kept]):
    def live(self, now: datetime) -> Self:
        """Return the secrets for which `is_live` holds."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), retired_at=None)

    def in_overlap(self, now: datetime) -> Self:
        """Return the secrets that were replaced but are still accepted."""
        return self.live(now).filter(is_current=False)

    def supersede(self, now: datetime, overlap: timedelta) -> None:
        """Mark these secrets as replaced; they expire after `overlap`, or at their own expiry if that is sooner."""
        if not overlap:
            self.retire(now, reason="rotated without overlap")
            return
        until = now + overlap
        self.exclude(expires_at__lt=until).update(expires_at=until)
        self.update(is_current=False)

    def retire(self, now: datetime, *, reason: str) -> None:
        """Stop accepting these secrets permanently."""
        self.update(is_current=False, retired_at=now, retired_reason=reason)


class KeptSecret(models.Model):
    """The digest of one secret, with its history. The row is never deleted, and the secret is never shown again."""

    algorithm = models.CharField(max_length=16, choices=algorithms)
    digest = models.CharField(max_length=200, unique=True, editable=False)
    key_id = models.CharField(max_length=8, editable=False)
    shown = models.CharField("begins with", max_length=32)
    is_current = models.BooleanField("current", default=True)
    created_by = models.CharField("created by", max_length=200, db_column="made_by")
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
        """Return a text that distinguishes this secret from earlier and later ones of its owner."""
        return str(self.pk)

    def is_live(self, now: datetime) -> bool:
        return is_live(self, now)

    def is_in_overlap(self, now: datetime) -> bool:
        """Return whether this secret was replaced but is still accepted."""
        return is_live(self, now) and not self.is_current


class OwnedSecret(SecretDates, Protocol):
    """A secret of an owner. `version` distinguishes it from earlier and later ones."""

    @property
    def version(self) -> str: ...


class SecretOwner(models.Model):
    """A row with one current secret and, during an overlap, an old one. See services/life_cycle.py."""

    locked_with: ClassVar[tuple[str, ...]] = ("organisation",)

    class Meta:
        abstract = True

    def locked(self) -> Self:
        """Return the row, reloaded and locked until the transaction ends.

        The related rows that `locked_with` names are loaded in the same query, but not locked. The lock does not block
        inserts of rows that refer to this row, such as requests and connections.
        """
        rows = type(self)._default_manager.select_for_update(of=("self",), no_key=True)  # noqa: SLF001  (documented)
        return rows.select_related(*self.locked_with).get(pk=self.pk)

    def current_secret(self) -> OwnedSecret | None:
        raise NotImplementedError

    def older_secret(self, now: datetime) -> OwnedSecret | None:
        """Return the replaced secret that is still accepted, or None."""
        raise NotImplementedError

    def supersede_secret(self, now: datetime, overlap: timedelta) -> None:
        """Mark the current secret as replaced; it stays accepted for `overlap`."""
        raise NotImplementedError

    def retire_older_secret(self, now: datetime) -> list[str]:
        """Stop accepting replaced secrets. Return the first characters of each one; [] if these are not stored."""
        raise NotImplementedError


class KeptSecretOwner(SecretOwner):
    """An owner whose secrets are rows with digests."""

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
