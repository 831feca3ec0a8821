"""Rows by which server processes share what they know: leases of chores, cached values, samples of the fleet."""

import uuid

from django.db import models

from integrations.models.outlet import Organisation


class Lease(models.Model):
    """Which server process does a chore that only one may do at a time; free again when `until` has passed."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.UUIDField(default=uuid.uuid4)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M:%S}"


class SharedEntry(models.Model):
    """A value that every process sees for a while: what Django calls its cache (services/rows/shared_cache.py).

    Failed sign-ins are counted here, so they count the same in each process and outlive a restart.
    """

    key = models.CharField(max_length=255, primary_key=True)
    value = models.JSONField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key


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
