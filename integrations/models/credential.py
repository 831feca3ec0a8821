from datetime import datetime

from django.db import models
from django.db.models import Q

from integrations.credentials import STRONG_BITS, Algorithm
from integrations.models.integration import Integration


class CredentialQuerySet(models.QuerySet["Credential"]):
    def live(self, now: datetime) -> "CredentialQuerySet":
        """Those that open the door at `now`: not retired, not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), retired_at=None)

    def in_overlap(self, now: datetime) -> "CredentialQuerySet":
        """Those that were replaced and still open the door for a while."""
        return self.live(now).filter(is_current=False)


class Credential(models.Model):
    """One secret of an integration, from its making to its retirement. Never deleted, never shown again."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="credentials")
    algorithm = models.CharField(max_length=16, choices=[(each.value, each.value) for each in Algorithm])
    digest = models.CharField(max_length=200, unique=True, editable=False)
    fingerprint = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 (unique)
    key_id = models.CharField(max_length=8, editable=False)
    shown = models.CharField("recognisable by", max_length=32)
    bits = models.PositiveSmallIntegerField("strength in bits, at most")
    is_current = models.BooleanField("current", default=True)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    retired_reason = models.CharField(max_length=200, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=Q(is_current=True),
                name="one_current_credential_per_integration",
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(retired_at=None), name="current_credential_is_not_retired"
            ),
            models.CheckConstraint(
                condition=Q(fingerprint=None) | Q(algorithm=Algorithm.ARGON2ID),
                name="fingerprint_is_of_adopted_secret",
            ),
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def is_weak(self) -> bool:
        """Whether a person may have chosen it: fewer bits than a fast digest would need."""
        return self.bits < STRONG_BITS

    def is_live(self, now: datetime) -> bool:
        return self.retired_at is None and (self.expires_at is None or self.expires_at > now)
