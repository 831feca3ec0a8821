"""Rows that server processes share: leases of chores, cached values, samples of the fleet."""

import uuid

from django.db import models

from integrations.models.outlet import Organisation


class Lease(models.Model):
    """Lets only one server process at a time run a chore. `holder` is that process; the lease expires at `until`."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.UUIDField(default=uuid.uuid4)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M:%S}"


class SharedEntry(models.Model):
    """An entry of Django's cache, shared by all processes (services/rows/shared_cache.py).

    Failed sign-ins are counted here, so the counts are the same in each process and survive a restart.
    """

    key = models.CharField(max_length=255, primary_key=True)
    value = models.JSONField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key


class FleetSample(models.Model):
    """Counts of one organisation's outlets at one time, and of its requests that ended since the previous sample."""

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
