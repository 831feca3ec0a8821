"""The formats of events, webhook endpoints and deliveries in answers. `bodies` has the formats that callers send."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from integrations.backend.api_keys.serializers import OrganisationReferenceSerializer
from integrations.backend.base.serializers import PageSerializer
from integrations.models import Delivery, Notice, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.services.notices.outbox import content_of
from integrations.services.notices.webhooks import SUBSCRIBABLE

_TIMES_OF_TRIES = "When it was last sent; null if it was not sent yet."


class EventSerializer(serializers.Serializer[Any]):
    """An event: the body of its webhook, and the ids of the event."""

    # Only the OpenAPI document uses this class; `event_schema` describes the data of each event. The content of an
    # answer comes from the function `event`.
    id = serializers.IntegerField(help_text="Its position in the log: pass the last one that you have read as `after`.")
    webhook_id = serializers.CharField(help_text="The `webhook-id` of the webhooks that deliver it.")
    type = serializers.ChoiceField(choices=NoticeKind.values)
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data = serializers.DictField()  # type: ignore[assignment]


class EventPageSerializer(PageSerializer):
    results = EventSerializer(many=True)


class EndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """A webhook endpoint: an address that receives events. Its secret is not shown again."""

    organisation = OrganisationReferenceSerializer(
        allow_null=True, help_text="The only organisation whose events it gets; null for all organisations."
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=[kind.value for kind in SUBSCRIBABLE]),
        help_text="The types of the events that it gets.",
    )
    enabled = serializers.BooleanField(source="is_enabled")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when every delivery fails; null if the last one succeeded."
    )
    paused_until = serializers.SerializerMethodField(help_text="When the pause that the receiver asked for ends.")
    overlap_until = serializers.SerializerMethodField(help_text="How long events are also signed with the old secret.")

    class Meta:
        model = WebhookEndpoint
        fields = read_only_fields = (
            "id",
            "name",
            "url",
            "organisation",
            "kinds",
            "enabled",
            "disabled_reason",
            "disabled_at",
            "failing_since",
            "paused_until",
            "overlap_until",
            "created_at",
        )

    def get_paused_until(self, endpoint: WebhookEndpoint) -> datetime | None:
        return endpoint.pause_at(shared_now())

    def get_overlap_until(self, endpoint: WebhookEndpoint) -> datetime | None:
        return endpoint.older_secret_until if endpoint.has_overlap(shared_now()) else None


class EndpointWithSecretSerializer(EndpointSerializer):
    """A webhook endpoint with its new secret."""

    # Only the OpenAPI document uses this class. In the answer, webhook_endpoints.py adds the secret.
    secret = serializers.CharField(help_text="Store it now: the portal cannot show it again. It begins with whsec_.")

    class Meta(EndpointSerializer.Meta):
        fields = (*EndpointSerializer.Meta.fields, "secret")  # type: ignore[assignment]


class EndpointPageSerializer(PageSerializer):
    results = EndpointSerializer(many=True)


class EndpointReferenceSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """The webhook endpoint of a delivery."""

    class Meta:
        model = WebhookEndpoint
        fields = read_only_fields = ("id", "name")


class DeliveredEventSerializer(serializers.ModelSerializer[Notice]):
    """The event of a delivery, without its data."""

    type = serializers.ChoiceField(source="kind", choices=NoticeKind.values)
    timestamp = serializers.DateTimeField(source="at")

    class Meta:
        model = Notice
        fields = read_only_fields = ("id", "webhook_id", "type", "timestamp")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """The delivery of one event to one webhook endpoint, with the answer to the last attempt."""

    endpoint = EndpointReferenceSerializer()
    event = DeliveredEventSerializer(source="notice")
    state = serializers.ChoiceField(choices=DeliveryState.values)
    attempts = serializers.IntegerField(source="tries")
    attempted_at = serializers.DateTimeField(source="tried_at", allow_null=True, help_text=_TIMES_OF_TRIES)
    next_attempt_at = serializers.SerializerMethodField(help_text="When it is due; null if it has ended.")
    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status of the receiver's answer.")
    error = serializers.CharField(help_text="Why the last attempt failed; otherwise empty.")
    answer_excerpt = serializers.CharField(source="excerpt", help_text="The beginning of the receiver's answer.")

    class Meta:
        model = Delivery
        fields = read_only_fields = (
            "id",
            "endpoint",
            "event",
            "state",
            "attempts",
            "attempted_at",
            "next_attempt_at",
            "ended_at",
            "status",
            "duration_ms",
            "error",
            "answer_excerpt",
        )

    def get_next_attempt_at(self, delivery: Delivery) -> datetime | None:
        return delivery.next_at if delivery.state == DeliveryState.PENDING else None


class DeliveryPageSerializer(PageSerializer):
    results = DeliverySerializer(many=True)


def event(notice: Notice) -> dict[str, Any]:
    """Return an event of the log in the form that the API shows."""
    return {"id": notice.pk, "webhook_id": notice.webhook_id, **content_of(notice)}
