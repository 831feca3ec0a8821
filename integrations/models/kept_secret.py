from datetime import datetime, timedelta
from typing import Protocol, Self, TypeVar

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
