from django.db import models
from django.db.models import Q

from integrations.models.fields.texts import IdField, MatchField
from integrations.models.kept_secret import KeptSecret, KeptSecretOwner, KeptSecretQuerySet
from integrations.models.outlet import Outlet, plain_text
from integrations.security.secret_digests import STRONG_BITS, Algorithm


class Integration(KeptSecretOwner):
    """Connects one outlet to PowerEPOS. Its credentials, connections and presence refer to it."""

    locked_with = ("outlet__organisation",)

    outlet = models.OneToOneField(Outlet, on_delete=models.PROTECT, related_name="integration")
    pos_remote_id = IdField(
        "POSRemoteID",
        max_length=128,
        unique=True,
        validators=[plain_text],
        help_text="PowerEPOS's ID for this outlet, exactly as you received it: up to 128 characters.",
    )
    # The normalised POSRemoteID, for comparisons. A new integration must not have the same value as another one. The
    # column is not unique, because rows of an older version may have equal values. The database default is for servers
    # of the previous version, which insert rows without this column. The chore in services/retention/tidying.py fills
    # in the missing values.
    match_id = MatchField(of="pos_remote_id", max_length=128, default="", db_default="", editable=False)
    is_enabled = models.BooleanField("enabled", default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    # Tokens and sockets carry the generation in which they were created. Raising this number revokes all of them.
    generation = models.PositiveIntegerField(default=1, editable=False)
    # Every change that may revoke a token or close a socket writes this time. Processes then reload the row.
    changed_at = models.DateTimeField(db_index=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("ask_pos", "Can ask the POS of an outlet")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(pos_remote_id=""), name="integration_has_pos_remote_id"),
            models.CheckConstraint(
                condition=models.Q(is_enabled=True) | ~models.Q(disabled_reason=""),
                name="disabled_integration_has_reason",
            ),
        ]
        indexes = [models.Index(fields=["match_id"], name="integration_match_id")]

    def __str__(self) -> str:
        return str(self.outlet)

    @classmethod
    def of(cls, outlet: Outlet) -> "Integration | None":
        """Return the integration of an outlet, enabled or disabled; None if the outlet was never enabled."""
        return getattr(outlet, "integration", None)

    def kept_secrets(self) -> "KeptSecretQuerySet[Credential]":
        return self.credentials.all()

    def current_credential(self) -> "Credential":
        """Return the credential that PowerEPOS should use. There is always exactly one."""
        return self.credentials.get(is_current=True)


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
        indexes = [
            # Finds the few secrets that no POS has used yet, for the start page.
            models.Index(
                fields=["-created_at"], condition=Q(is_current=True, last_used_at=None), name="credential_never_used"
            ),
            # Finds secrets by their first characters, when staff search for one.
            models.Index(fields=["shown"], opclasses=["varchar_pattern_ops"], name="credential_shown"),
        ]

    @property
    def is_adopted(self) -> bool:
        """Return whether PowerEPOS had this secret before the portal did. A person may have chosen such a secret."""
        return self.algorithm == Algorithm.ARGON2ID

    @property
    def is_weak(self) -> bool:
        """Return whether the secret has too few bits to be safe with a fast digest. A person may have chosen it."""
        return self.bits < STRONG_BITS
