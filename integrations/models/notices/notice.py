import uuid

from django.db import models

from integrations.models.clock import shared_now
from integrations.models.integration import Integration
from integrations.models.outlet import Organisation


class NoticeKind(models.TextChoices):
    """The kinds of events. The values are part of the webhook protocol (docs/webhooks.md) and never change."""

    OUTLET_ONLINE = "outlet.online", "Outlet came online"
    OUTLET_OFFLINE = "outlet.offline", "Outlet went offline"
    REQUEST_FINISHED = "request.finished", "Request finished"
    AUTHENTICATION_REFUSED = "authentication.refused", "Authentication refused"
    UNRECOGNISED_FRAME = "pos.stray_message", "Unrecognised frame from a POS"
    OUTLET_ENABLED = "outlet.enabled", "Outlet enabled"
    OUTLET_DISABLED = "outlet.disabled", "Outlet disabled"
    SECRET_ROTATED = "secret.rotated", "Secret rotated"
    ALERT_BEGAN = "alert.began", "Alert began"
    ALERT_ENDED = "alert.ended", "Alert ended"
    TEST = "webhook.test", "Test event"


def kinds() -> list[tuple[str, str]]:
    """Return the choices of Notice.kind. Because this is a function, a new choice needs no migration."""
    return NoticeKind.choices


class Notice(models.Model):
    """An event: a row of the event log. API callers read the log, and webhook deliveries refer to its rows.

    The primary key is the order of the log. Each row is committed after every row with a lower key, so a reader that
    continues after the highest key that it has seen misses no row (services/notices/outbox.py). `kind`, `subject` (the
    id of the row that it is about) and `at` are unique together, so an event that is detected twice is reported once.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32, choices=kinds)
    subject = models.BigIntegerField()
    at = models.DateTimeField()
    # The references have no separate indexes, because the indexes in Meta begin with them.
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.CASCADE, related_name="notices", db_index=False
    )
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.CASCADE, related_name="notices", db_index=False
    )
    data = models.JSONField(default=dict)
    noticed_at = models.DateTimeField(default=shared_now, editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject", "at"], name="notice_once")]
        indexes = [
            models.Index(fields=["organisation", "id"], name="notice_of_organisation"),
            models.Index(fields=["integration", "id"], name="notice_of_integration"),
            models.Index(fields=["kind", "id"], name="notice_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d %H:%M:%S})"

    @property
    def outlet_name(self) -> str:
        """Return the names of the organisation and the outlet; "" if the event has no outlet.

        These are the names at the time of the event. The outlet may since have moved to another organisation, whose
        name some readers of the event may not see.
        """
        organisation, outlet = self.data.get("organisation"), self.data.get("outlet")
        return f"{organisation['name']} – {outlet['name']}" if organisation and outlet else ""

    @property
    def webhook_id(self) -> str:
        """The ID that receivers see: the same at each attempt and at each endpoint."""
        return f"evt_{self.uuid.hex}"


class NoticeCursor(models.Model):
    """How far one event detector has read its rows. A detector whose events have no subscriber has no cursor.

    A row that describes an event can become visible some time after the time stored in it (a long transaction, a
    database outage). So each poll reads again all rows whose stored time is `at` or later. `mark` is the time of an
    earlier poll. When `mark` is at least LOOK_BACK old (services/notices/event_detection.py), `at` advances to `mark`,
    and `mark` to the time of the current poll.
    """

    name = models.CharField(max_length=32, primary_key=True)
    begun_at = models.DateTimeField()
    at = models.DateTimeField()
    mark = models.DateTimeField()
    polled_at = models.DateTimeField(db_column="turned_at")

    def __str__(self) -> str:
        return f"{self.name} from {self.at:%Y-%m-%d %H:%M:%S}"


class ReportedPresence(models.Model):
    """The last reported online state of an outlet. When the presence differs from it, the new state is reported."""

    integration = models.OneToOneField(
        Integration, on_delete=models.CASCADE, primary_key=True, related_name="reported_presence"
    )
    is_online = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        db_table = "integrations_toldpresence"

    def __str__(self) -> str:
        return f"{self.integration_id}: reported {'online' if self.is_online else 'offline'}"
