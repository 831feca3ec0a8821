import uuid

from django.conf import settings
from django.db import models

from integrations.models.clock import shared_now


class Kind(models.TextChoices):
    """What is done to many outlets at once."""

    ENABLE = "enable", "enable from a file"
    DISABLE = "disable", "disable"
    REENABLE = "reenable", "enable again"
    ROTATE = "rotate", "rotate secrets"


class JobState(models.TextChoices):
    CHECKED = "checked", "checked, not confirmed"
    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    PARTLY = "partly", "partly done"
    FAILED = "failed", "nothing was done"
    DROPPED = "dropped", "dropped"


class BulkJob(models.Model):
    """One act on many outlets: checked, confirmed, then done in steps of some rows, each in a transaction of its own.

    `sealed_input` may hold adopted secrets and is erased when the job ends. `sealed_result` holds the new secrets, one
    sealed text a line for each step, until they are downloaded or their time is over. `plan` is what the person saw and
    confirmed; `written` of the rows to act on are done, in the plan's order.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("what", max_length=16, choices=Kind)
    state = models.CharField(max_length=16, choices=JobState, default=JobState.CHECKED)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_by = models.CharField(max_length=200)
    address = models.CharField(max_length=45, blank=True)
    source = models.CharField(max_length=200, blank=True)
    options = models.JSONField(default=dict)
    # The organisations that the person was limited to when the rows were last checked; null: to none.
    checked_for = models.JSONField(null=True, editable=False)
    plan = models.JSONField(default=list, editable=False)
    total = models.PositiveIntegerField(default=0)
    acting = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    prepared = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    sealed_input = models.TextField(blank=True, editable=False)
    sealed_result = models.TextField(blank=True, editable=False)
    message = models.TextField(blank=True)
    claim = models.UUIDField(null=True, editable=False)
    made_at = models.DateTimeField("made", default=shared_now, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField("ended", null=True)
    downloaded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "act on many outlets"
        verbose_name_plural = "acts on many outlets"
        ordering = ("-made_at",)
        indexes = [models.Index(fields=["state", "made_at"], name="bulk_job_state")]

    def __str__(self) -> str:
        many = "1 outlet" if self.total == 1 else f"{self.total} outlets"
        return f"{self.get_kind_display().capitalize()}: {self.source or many}"

    @property
    def progress(self) -> int:
        """Return how far a running job is, of `acting`: rows are prepared first, then written."""
        return (self.prepared + self.written) // 2
