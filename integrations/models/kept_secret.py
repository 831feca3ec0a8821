from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from integrations.security.credentials import Algorithm

Kept = TypeVar("Kept", bound="KeptSecret")


class KeptSecretQuerySet(models.QuerySet[Kept]):
    def live(self, now: datetime) -> Self:
        """Those that open the door at `now`: not retired, not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), retired_at=None)

    def in_overlap(self, now: datetime) -> Self:
        """Those that were replaced and still open the door for a while."""
        return self.live(now).filter(is_current=False)


class KeptSecret(models.Model):
    """What is kept of one secret, from its making to its retirement. Never deleted, never shown again."""

    algorithm = models.CharField(max_length=16, choices=[(each.value, each.value) for each in Algorithm])
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

    def is_live(self, now: datetime) -> bool:
        return self.retired_at is None and (self.expires_at is None or self.expires_at > now)
