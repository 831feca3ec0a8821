from django.db import models
from django.db.models import Q

from integrations.models.integration import Integration
from integrations.models.kept_secret import KeptSecret, KeptSecretQuerySet
from integrations.security.secret_digests import STRONG_BITS, Algorithm


class Credential(KeptSecret):
    """One POS secret of an integration."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="credentials")
    fingerprint = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001  (unique)
    bits = models.PositiveSmallIntegerField("strength in bits, at most")

    objects = KeptSecretQuerySet["Credential"].as_manager()

    class Meta(KeptSecret.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], condition=Q(is_current=True), name="one_current_credential_per_integration"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(retired_at=None), name="current_credential_is_not_retired"
            ),
            models.CheckConstraint(
                condition=Q(fingerprint=None) | Q(algorithm=Algorithm.ARGON2ID), name="fingerprint_is_of_adopted_secret"
            ),
        ]

    @property
    def is_weak(self) -> bool:
        """Whether a person may have chosen it: fewer bits than a fast digest would need."""
        return self.bits < STRONG_BITS
