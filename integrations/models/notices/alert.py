from django.db import models
from django.db.models import Q

from integrations.models.integration import Integration
from integrations.models.outlet import Organisation


class AlertKind(models.TextChoices):
    OFFLINE = "offline", "Outlets offline"
    REFUSALS = "refusals", "Many refused authentications"
    EXPIRY = "expiry", "Credentials near their expiry"


def alert_kinds() -> list[tuple[str, str]]:
    """Return the choices of Alert.kind; a function, so that another one needs no migration."""
    return AlertKind.choices


class Alert(models.Model):
    """What staff are told once when it begins, and once when it is over; of one organisation, or of none.

    It gathers its members until `tell_at`, so that a chain that loses its uplink is one message. `told_at` is empty
    until then; an alert that was over before is forgotten.
    """

    kind = models.CharField(max_length=16, choices=alert_kinds)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="alerts")
    since = models.DateTimeField()
    tell_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-since", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "organisation"], condition=Q(told_at=None), name="one_gathering_alert"
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(told_at=None, organisation=None), name="one_gathering_alert_of_none"
            ),
        ]
        indexes = [models.Index(fields=["ended_at", "-since"], name="alert_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.organisation or 'the whole portal'}"


class AlertMember(models.Model):
    """One outlet, secret or key that an alert is about; `key` names it, so that it is in one open alert at a time."""

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


ONCE = "This address gets these alerts already."


class AlertRecipient(models.Model):
    """Who gets alerts by e-mail: of one organisation, or all of them."""

    email = models.EmailField("e-mail address")
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="alert_recipients",
        help_text="Whose alerts this person gets; empty: all of them.",
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
    """Return the choices of Mail.state; a function, so that another one needs no migration."""
    return MailState.choices


class MailState(models.TextChoices):
    PENDING = "pending", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class Mail(models.Model):
    """An e-mail on its way: on disk until the mail server took it, or it is given up."""

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
