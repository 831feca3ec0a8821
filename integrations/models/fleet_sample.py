from django.db import models

from integrations.models.outlet import Organisation


class FleetSample(models.Model):
    """How one organisation's outlets stood at a moment, and how many of its requests ended since the sample before."""

    at = models.DateTimeField()
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    enabled = models.PositiveIntegerField()
    online = models.PositiveIntegerField()
    answered = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["at", "organisation"], name="one_sample_of_an_organisation")]

    def __str__(self) -> str:
        return f"{self.organisation} at {self.at:%Y-%m-%d %H:%M}"
