from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from integrations.models.fields.texts import NameField
from integrations.models.kept_secret import SecretOwner, has_expired
from integrations.models.notices.notice import Notice, NoticeKind
from integrations.models.outlet import Organisation, plain_text


@dataclass(frozen=True)
class WebhookSecret:
    """The life-cycle data of an endpoint's secret; the secret itself is a column of the endpoint."""

    version: str
    expires_at: datetime | None = None
    retired_at: datetime | None = None


class WebhookEndpoint(SecretOwner):
    """An endpoint in the provider's systems that receives the events of one organisation, or of all."""

    name = NameField(max_length=100, unique=True, validators=[plain_text])
    url = models.CharField("URL", max_length=500)
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="webhook_endpoints",
        help_text="Choose an organisation to send its events only.",
    )
    kinds = models.JSONField("events", default=list)
    is_enabled = models.BooleanField("enabled", default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)  # from the receiver's Retry-After header
    # The secrets are encrypted (integrations/security/sealing.py), not hashed, because signing needs them.
    sealed_secret = models.TextField(editable=False)
    sealed_older_secret = models.TextField(blank=True, editable=False)
    older_secret_until = models.DateTimeField(null=True, blank=True)
    secret_created_at = models.DateTimeField(db_column="secret_made_at")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def pause_at(self, now: datetime) -> datetime | None:
        """Return the end of the pause that the receiver asked for, or None if there is none now."""
        return self.paused_until if self.paused_until and self.paused_until > now else None

    def has_overlap(self, now: datetime) -> bool:
        """Return whether events are also signed with the old secret."""
        return bool(self.sealed_older_secret) and not has_expired(self.older_secret_until, now)

    def current_secret(self) -> WebhookSecret:
        return WebhookSecret(self.secret_created_at.isoformat())

    def older_secret(self, now: datetime) -> WebhookSecret | None:
        return WebhookSecret("older", self.older_secret_until) if self.has_overlap(now) else None

    def supersede_secret(self, now: datetime, overlap: timedelta) -> None:
        """Store the current secret as the old one. Events are also signed with it until `overlap` has passed.

        The caller must then set the new current secret and save the endpoint.
        """
        self.sealed_older_secret = self.sealed_secret if overlap else ""
        self.older_secret_until = now + overlap if overlap else None

    def retire_older_secret(self, now: datetime) -> list[str]:  # noqa: ARG002
        self.sealed_older_secret, self.older_secret_until = "", None
        self.save()
        return []

    def kind_names(self) -> list[str]:
        return [NoticeKind(kind).label for kind in self.kinds if kind in NoticeKind.values]


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> Any:
        is_paused = Q(endpoint__paused_until__isnull=False, endpoint__paused_until__gt=now)
        due = self.filter(state=DeliveryState.PENDING, next_at__lte=now, endpoint__is_enabled=True)
        return due.exclude(is_paused)


def delivery_states() -> list[tuple[str, str]]:
    """Return the choices of Delivery.state. Because this is a function, a new choice needs no migration."""
    return DeliveryState.choices


class Delivery(models.Model):
    """The delivery of one event to one endpoint. It stores the answer to the last attempt."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=delivery_states, default=DeliveryState.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    excerpt = models.TextField(blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=["endpoint", "notice"], name="delivery_once_per_endpoint")]
        indexes = [
            models.Index(fields=["endpoint", "next_at"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(fields=["endpoint", "-id"], name="delivery_of_endpoint"),
            models.Index(fields=["state", "-id"], name="delivery_state"),
        ]

    def __str__(self) -> str:
        return f"{self.notice.get_kind_display()} → {self.endpoint}"
