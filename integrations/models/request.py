import uuid

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from integrations.models.api_key import ApiKey
from integrations.models.fields.texts import NameField
from integrations.models.integration import Integration
from integrations.models.outlet import plain_text


class RequestState(models.TextChoices):
    """Where a request is. It begins queued and ends in exactly one of the last five."""

    QUEUED = "queued", "Queued"
    SENT = "sent", "Sent, not answered yet"
    ANSWERED = "answered", "Answered"
    REFUSED = "refused", "Refused by the POS"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


OPEN_STATES = (RequestState.QUEUED, RequestState.SENT)


def states() -> list[tuple[str, str]]:
    """Return the choices of Request.state; a function, so that another one needs no migration."""
    return RequestState.choices


class Request(models.Model):
    """What the backend asked of one outlet's POS, and what became of it.

    The primary key is the order of arrival. Payload and answer are JSON as it was spelled, never parsed and written
    again: money must keep its digits. PINs and the like are left out of them; where that is so, `sealed_request` and
    `sealed_answer` hold what was there, encrypted and for a while (services/requests/contents.py).
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Without an index of their own, here and below: those in Meta begin with them.
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="requests", db_index=False)
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="requests", db_index=False)
    request_id = models.CharField("RequestID", max_length=256)
    message_type = models.PositiveIntegerField()
    device_id = models.CharField(max_length=64)
    user_identifier = models.CharField(max_length=36, null=True)  # noqa: DJ001  (null on the wire, and "" is not)
    payload = models.TextField()
    content_digest = models.CharField(max_length=64)
    # How often the same RequestID came with another content; from some number on nothing is compared with it any more.
    unequal_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    is_durable = models.BooleanField(default=True)
    # With a default of the database's own: during a rolling restart the version before this one still writes rows.
    correlation_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    sealed_request = models.TextField(null=True, editable=False)  # noqa: DJ001  (null: nothing is left out)
    # False in rows of a version that did not redact; a chore does it when they have ended.
    is_redacted = models.BooleanField(default=False, db_default=False, editable=False)

    state = models.CharField(max_length=16, choices=states, default=RequestState.QUEUED)
    failure = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField()
    send_before = models.DateTimeField()
    answer_before = models.DateTimeField()
    # When the transaction that holds the row was about to be written; null for what was recorded afterwards.
    stored_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    times_sent = models.PositiveSmallIntegerField(default=0)
    # How often the POS's connection ended after this was sent and before it was answered, and when it may be sent again
    # (services/requests/retries.py). Defaults of the database's own, as above.
    disconnects = models.PositiveSmallIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    # The server process whose POS has it, and which alone may send it again; null: any (services/requests/holders.py).
    sent_by = models.UUIDField(null=True, editable=False)
    result_code = models.IntegerField(null=True)
    error_message = models.TextField(null=True)  # noqa: DJ001  (null on the wire, and "" is not)
    answer = models.TextField(null=True)  # noqa: DJ001  (null until there is one)
    sealed_answer = models.TextField(null=True, editable=False)  # noqa: DJ001  (null: nothing is left out)
    content_pruned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions = [("view_payload", "Can see what requests and their answers contain")]
        constraints = [
            models.UniqueConstraint(fields=["integration", "request_id"], name="request_id_once_per_integration"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN_STATES, ended_at=None)
                | (~Q(state__in=OPEN_STATES) & Q(ended_at__isnull=False)),
                name="ended_request_has_its_time",
            ),
        ]
        indexes = [
            # Each costs every request a write; the lists (services/rows/keyset_pages.py) need the key in most of them.
            models.Index(fields=["integration", "id"], condition=Q(state__in=OPEN_STATES), name="request_open"),
            # Of an outlet, or of each outlet of an organisation, those in one state; the queue of an outlet.
            models.Index(fields=["state", "integration", "-id"], name="request_queue"),
            models.Index(fields=["state", "-id"], name="request_state"),
            models.Index(fields=["integration", "-id"], name="request_of_integration"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="request_ended"),
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False, content_pruned_at=None),
                name="request_with_content",
            ),
            models.Index(fields=["ended_at"], condition=Q(is_redacted=False), name="request_not_redacted"),
            # Instead of the foreign key's own.
            models.Index(fields=["api_key", "-id"], name="request_of_api_key"),
            # A rare MessageType among ten million others; few values, so that it grows at few places.
            models.Index(fields=["message_type", "-id"], name="request_message_type"),
            # From a time to the keys of that time; grows at its end only.
            models.Index(fields=["received_at"], name="request_received"),
            # Every ResultCode but 0 is a refusal: the index costs nothing to what succeeds.
            models.Index(fields=["result_code", "-id"], condition=Q(state="refused"), name="request_refusal"),
            # A RequestID, or its beginning, without its outlet; the constraint above has the outlet first.
            models.Index(fields=["request_id"], opclasses=["varchar_pattern_ops"], name="request_request_id"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} ({self.get_state_display()})"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class MessageType(models.Model):
    """What the portal calls a kind of request. Data, because not every number is documented."""

    number = models.PositiveIntegerField(
        unique=True,
        null=True,
        blank=True,
        validators=[MaxValueValidator(2**31 - 1)],
        help_text="The MessageType on the wire; empty while nobody knows it.",
    )
    name = NameField(max_length=64, unique=True, validators=[plain_text])
    description = models.TextField(blank=True)
    payload_model = models.CharField(
        max_length=100, blank=True, help_text="The documented model of its payload, for those who ask for a check."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name} ({self.number})"

    @property
    def is_documented(self) -> bool:
        """Whether PowerEPOS's own documents name it, and the portal knows the model of its payload by that name."""
        return bool(self.payload_model)
