import uuid

from django.db import models


class Lease(models.Model):
    """Which server process does a chore that only one may do at a time; free again when `until` has passed."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.UUIDField(default=uuid.uuid4)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M:%S}"
