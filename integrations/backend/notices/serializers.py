"""The formats of events."""

from typing import Any

from rest_framework import serializers

from integrations.models import Notice
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices.outbox import content_of


class EventSerializer(serializers.Serializer[Any]):
    """An event: what a webhook has as its body, and the event's ids."""

    # This class only describes an event; `event` writes it.
    id = serializers.IntegerField(help_text="Its place in the log: pass the last one that you have read as `after`.")
    webhook_id = serializers.CharField(help_text="The `webhook-id` of the webhooks that deliver it.")
    type = serializers.ChoiceField(choices=NoticeKind.values)
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data = serializers.DictField(help_text="Its details; their members depend on `type` (see docs/webhooks.md).")  # type: ignore[assignment]


class EventPageSerializer(serializers.Serializer[Any]):
    results = EventSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The URL of the next page; null on the last one.")


def event(notice: Notice) -> dict[str, Any]:
    """Return an event of the log."""
    return {"id": notice.pk, "webhook_id": notice.webhook_id, **content_of(notice)}
