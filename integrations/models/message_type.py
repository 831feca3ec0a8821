from django.core.validators import MaxValueValidator
from django.db import models

from integrations.models.fields.texts import NameField
from integrations.models.outlet import plain_text


class MessageType(models.Model):
    """What the portal calls a kind of request. Data, because not every number is documented."""

    number = models.PositiveIntegerField(
        unique=True,
        null=True,
        blank=True,
        validators=[MaxValueValidator(2**31 - 1)],
        help_text="The MessageType on the wire; empty while nobody knows it.",
    )
    name = NameField(max_length=64, unique=True, validators=[plain_text])
    description = models.TextField(blank=True)
    payload_model = models.CharField(
        max_length=100, blank=True, help_text="The documented model of its payload, for those who ask for a check."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name} ({self.number})"

    @property
    def is_documented(self) -> bool:
        """Whether PowerEPOS's own documents name it, and the portal knows the model of its payload by that name."""
        return bool(self.payload_model)
