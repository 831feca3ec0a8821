import uuid

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from integrations.models.api_key import ApiKey
from integrations.models.fields.texts import NameField
from integrations.models.integration import Integration
from integrations.models.outlet import plain_text


class RequestState(models.TextChoices):
    """The state of a request. It begins as queued and ends in exactly one of the last five."""

    QUEUED = "queued", "Queued"
    SENT = "sent", "Sent, not answered yet"
    ANSWERED = "answered", "Answered"
    REFUSED = "refused", "Refused by the POS"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


OPEN_STATES = (RequestState.QUEUED, RequestState.SENT)


def states() -> list[tuple[str, str]]:
    """Return the choices of Request.state. Because this is a function, a new choice needs no migration."""
    return RequestState.choices


class Request(models.Model):
    """A request to the POS of one outlet, with its result.

    The primary key is the order of arrival. Payload and answer are JSON text in its original spelling, never parsed and
    rewritten, because amounts of money must keep their digits. Only PINs and other secrets are removed from the text;
    `sealed_request` and `sealed_answer` then hold the original, encrypted and for a limited time
    (services/requests/contents.py).
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # The references with `db_index=False` have no separate indexes, because the indexes in Meta begin with them.
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="requests", db_index=False)
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="requests", db_index=False)
    request_id = models.CharField("RequestID", max_length=256)
    message_type = models.PositiveIntegerField()
    device_id = models.CharField(max_length=64)
    user_identifier = models.CharField(max_length=36, null=True)  # noqa: DJ001  (null on the wire, and "" is not)
    payload = models.TextField()
    content_digest = models.CharField(max_length=64)
    # How often the same RequestID arrived with different content. Once this reaches a limit, later repetitions of the
    # RequestID are refused without comparing their content (services/requests/repeats.py).
    unequal_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    is_durable = models.BooleanField(default=True)
    # Newer columns have a `db_default`, because during an upgrade, servers of the previous version insert rows without
    # them.
    correlation_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    # The W3C trace context of the call that sent the request.
    traceparent = models.CharField(max_length=55, blank=True, default="", db_default="")
    sealed_request = models.TextField(null=True, editable=False)  # noqa: DJ001  (null: nothing is left out)
    # False in rows of an older version, which did not redact. A chore redacts such a request after it has ended.
    is_redacted = models.BooleanField(default=False, db_default=False, editable=False)

    state = models.CharField(max_length=16, choices=states, default=RequestState.QUEUED)
    failure = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField()
    send_before = models.DateTimeField()
    answer_before = models.DateTimeField()
    # The time just before the row is written; null for requests that were recorded after they ended.
    stored_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    times_sent = models.PositiveSmallIntegerField(default=0)
    # `disconnects`: how often the POS's connection ended after the request was sent and before it was answered.
    # `retry_at`: when the request may be sent again (services/requests/retries.py). As above, `disconnects` has a
    # database default for servers of the previous version.
    disconnects = models.PositiveSmallIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    # The server process that sent the request to its POS; only that process may send the request again. If null, any
    # process may (services/requests/holders.py).
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
            # Each index costs a write per request. Most end with the primary key, because lists are paged by it
            # (services/rows/keyset_pages.py).
            models.Index(fields=["integration", "id"], condition=Q(state__in=OPEN_STATES), name="request_open"),
            # For reading an outlet's queue, and for lists that are filtered by state and by outlet or organisation.
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
            # Replaces the foreign key's own index.
            models.Index(fields=["api_key", "-id"], name="request_of_api_key"),
            # Finds a rare MessageType among ten million rows. There are few types, so inserts touch few index pages.
            models.Index(fields=["message_type", "-id"], name="request_message_type"),
            # Finds the requests received around a given time. New rows go to the end of the index, so it is cheap.
            models.Index(fields=["received_at"], name="request_received"),
            # Every ResultCode except 0 is a refusal, so successful requests do not pay for this index.
            models.Index(fields=["result_code", "-id"], condition=Q(state="refused"), name="request_refusal"),
            # Finds a RequestID, or the beginning of one, when the outlet is not known. The constraint's index cannot do
            # this, because it begins with the outlet.
            models.Index(fields=["request_id"], opclasses=["varchar_pattern_ops"], name="request_request_id"),
            # Finds the requests with one correlation ID. A partial index without empty IDs would not be used, because
            # the planner cannot prove that a query's parameter is not empty.
            models.Index(fields=["correlation_id"], opclasses=["varchar_pattern_ops"], name="request_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} ({self.get_state_display()})"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class MessageType(models.Model):
    """The portal's name for a MessageType number.

    The names are in a table, because PowerEPOS does not document every number: staff can add names and numbers.
    """

    number = models.PositiveIntegerField(
        unique=True,
        null=True,
        blank=True,
        validators=[MaxValueValidator(2**31 - 1)],
        help_text="The MessageType number in the POS protocol. Leave empty if it is not known yet.",
    )
    name = NameField(max_length=64, unique=True, validators=[plain_text])
    description = models.TextField(blank=True)
    payload_model = models.CharField(
        max_length=100, blank=True, help_text="The documented model of its payload, for validation on request."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name} ({self.number})"

    @property
    def is_documented(self) -> bool:
        """Return whether PowerEPOS's documents name this type. The portal then knows its payload model."""
        return bool(self.payload_model)
