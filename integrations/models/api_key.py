from django.db import models
from django.db.models import Q

from integrations.models.fields.texts import NameField
from integrations.models.kept_secret import KeptSecret, KeptSecretOwner, KeptSecretQuerySet
from integrations.models.outlet import Organisation, plain_text


class ApiKey(KeptSecretOwner):
    """A key that one of the provider's systems uses to call the API, for all organisations or for one."""

    name = NameField(max_length=100, unique=True, validators=[plain_text])
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="api_keys",
        help_text="The key gives access to outlets of this organisation only. Leave empty for all organisations.",
    )
    is_read_only = models.BooleanField("read only", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name

    def kept_secrets(self) -> "KeptSecretQuerySet[ApiKeySecret]":
        return self.secrets.all()


class ApiKeySecret(KeptSecret):
    """One secret of an API key."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="secrets")

    objects = KeptSecretQuerySet["ApiKeySecret"].as_manager()

    class Meta(KeptSecret.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["api_key"], condition=Q(is_current=True), name="one_current_secret_per_api_key"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(retired_at=None), name="current_api_key_secret_is_not_retired"
            ),
        ]
