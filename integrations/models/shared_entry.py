from django.db import models


class SharedEntry(models.Model):
    """A value that every process sees for a while: what Django calls its cache (services/rows/shared_cache.py).

    Failed sign-ins are counted here, so they count the same in each process and outlive a restart.
    """

    key = models.CharField(max_length=255, primary_key=True)
    value = models.JSONField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key
