import uuid

from django.db import models

from integrations.models.clock import shared_now
from integrations.models.integration import Integration
from integrations.models.outlet import Organisation


class NoticeKind(models.TextChoices):
    """What the portal tells other systems; the values stand on the wire (docs/webhooks.md) and never change."""

    OUTLET_ONLINE = "outlet.online", "Outlet came online"
    OUTLET_OFFLINE = "outlet.offline", "Outlet went offline"
    REQUEST_FINISHED = "request.finished", "Request finished"
    AUTHENTICATION_REFUSED = "authentication.refused", "Authentication refused"
    STRAY_MESSAGE = "pos.stray_message", "Message from a POS that nobody asked for"
    ALERT_BEGAN = "alert.began", "Alert began"
    ALERT_ENDED = "alert.ended", "Alert ended"
    TEST = "webhook.test", "Test event"


def kinds() -> list[tuple[str, str]]:
    """Return the choices of Notice.kind; a function, so that another one needs no migration."""
    return NoticeKind.choices


class Notice(models.Model):
    """Something that happened and is to be told: an outbox. Its deliveries hang on it.

    `kind`, `subject` (the id of the row that it speaks of) and `at` make it unique, so that noticing twice tells once.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32, choices=kinds)
    subject = models.BigIntegerField()
    at = models.DateTimeField()
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="notices")
    integration = models.ForeignKey(Integration, null=True, on_delete=models.CASCADE, related_name="notices")
    data = models.JSONField(default=dict)
    noticed_at = models.DateTimeField(default=shared_now, editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject", "at"], name="notice_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d %H:%M:%S})"

    @property
    def outlet_name(self) -> str:
        """Return the outlet's name with its organisation's, "" for an event of no outlet.

        They are those of the moment of the event: the outlet may belong to an organisation since that the endpoint's
        staff may not see.
        """
        organisation, outlet = self.data.get("organisation"), self.data.get("outlet")
        return f"{organisation['name']} – {outlet['name']}" if organisation and outlet else ""

    @property
    def webhook_id(self) -> str:
        """Return what the receiver knows it by: the same at each try and at each endpoint."""
        return f"evt_{self.uuid.hex}"


class NoticeCursor(models.Model):
    """How far one kind of noticing has come; without a row, nobody wants to know.

    Rows become visible later than their time says (a long transaction, a database that was away). So reading begins
    at `at`, and `at` follows `mark` only when the mark is older than the look-back.
    """

    name = models.CharField(max_length=32, primary_key=True)
    begun_at = models.DateTimeField()
    at = models.DateTimeField()
    mark = models.DateTimeField()
    turned_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} from {self.at:%Y-%m-%d %H:%M:%S}"


class ToldPresence(models.Model):
    """Whether an outlet was last told to be online; the difference to its presence is what is to be told next."""

    integration = models.OneToOneField(
        Integration, on_delete=models.CASCADE, primary_key=True, related_name="told_presence"
    )
    is_online = models.BooleanField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.integration_id}: told {'online' if self.is_online else 'offline'}"
