from django.db import models
from django.db.models import Q

from integrations.models.integration import Integration
from integrations.models.outlet import Organisation


class AlertKind(models.TextChoices):
    OFFLINE = "offline", "Outlets offline"
    REFUSALS = "refusals", "Many refused authentications"
    EXPIRY = "expiry", "Credentials about to expire"


def alert_kinds() -> list[tuple[str, str]]:
    """Return the choices of Alert.kind. Because this is a function, a new choice needs no migration."""
    return AlertKind.choices


class Alert(models.Model):
    """A problem of one organisation or of the whole portal. Staff get a message when it begins and when it ends.

    Until `notify_at`, the alert collects members (see AlertMember), so a restaurant chain that loses its uplink causes
    only one message. `notified_at` is null until that message. An alert that ends before `notify_at` is deleted.
    """

    kind = models.CharField(max_length=16, choices=alert_kinds)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="alerts")
    since = models.DateTimeField()
    notify_at = models.DateTimeField(db_column="tell_at")
    notified_at = models.DateTimeField(null=True, db_column="told_at")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-since", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "organisation"], condition=Q(notified_at=None), name="one_gathering_alert"
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(notified_at=None, organisation=None), name="one_gathering_alert_of_none"
            ),
        ]
        indexes = [models.Index(fields=["ended_at", "-since"], name="alert_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.organisation or 'the whole portal'}"


class AlertMember(models.Model):
    """One outlet, secret or API key that an alert affects. `key` identifies it; at most one open alert contains it."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="members")
    key = models.CharField(max_length=64)
    integration = models.ForeignKey(Integration, null=True, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=420)
    detail = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("label", "id")
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(ended_at=None), name="in_one_open_alert_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.label


ONCE = "This address already gets these alerts."


class AlertRecipient(models.Model):
    """An e-mail address that gets the alerts of one organisation, or of all."""

    email = models.EmailField("e-mail address")
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="alert_recipients",
        help_text="Choose an organisation to send its alerts only.",
    )

    class Meta:
        ordering = ("email",)
        constraints = [
            models.UniqueConstraint(
                fields=["email", "organisation"], name="recipient_once_per_organisation", violation_error_message=ONCE
            ),
            models.UniqueConstraint(
                fields=["email"],
                condition=Q(organisation=None),
                name="recipient_of_all_once",
                violation_error_message=ONCE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.organisation or 'all organisations'})"


def mail_states() -> list[tuple[str, str]]:
    """Return the choices of Mail.state. Because this is a function, a new choice needs no migration."""
    return MailState.choices


class MailState(models.TextChoices):
    PENDING = "pending", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class Mail(models.Model):
    """An outgoing e-mail, retried until the mail server accepts it or the portal gives up."""

    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="mails")
    recipient = models.EmailField()
    subject = models.CharField(max_length=300)
    body = models.TextField()
    state = models.CharField(max_length=16, choices=mail_states, default=MailState.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["next_at"], condition=Q(state="pending"), name="mail_due")]

    def __str__(self) -> str:
        return f"{self.subject} → {self.recipient}"
