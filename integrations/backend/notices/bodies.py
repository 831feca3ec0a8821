"""The formats of the bodies of calls that create or change webhook endpoints. The services check the values."""

from typing import Any

from rest_framework import serializers

from integrations.models import WebhookEndpoint
from integrations.models.fields.texts import longest
from integrations.services.notices.addresses import MAX_URL_LENGTH
from integrations.services.notices.webhooks import SUBSCRIBABLE
from integrations.services.overlaps import OVERLAPS
from integrations.services.reasons import MAX_REASON_LENGTH

_URL = "The address that receives the events: https, on the public internet."


class _EndpointFields(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=MAX_URL_LENGTH, help_text=_URL)
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=[kind.value for kind in SUBSCRIBABLE]),
        allow_empty=False,
        max_length=len(SUBSCRIBABLE),
        help_text="The types of the events to send.",
    )


class NewEndpointSerializer(_EndpointFields):
    """A new webhook endpoint."""

    name = serializers.CharField(
        max_length=longest(WebhookEndpoint, "name"), help_text="The receiving system; unique. It cannot change later."
    )
    organisation_id = serializers.IntegerField(
        min_value=1,
        allow_null=True,
        required=False,
        help_text="Send only events of this organisation; null for all. Default: the organisation of the API key.",
    )


class EndpointChangeSerializer(_EndpointFields):
    """The fields of a webhook endpoint that can change."""

    enabled = serializers.BooleanField(help_text="false: send no events until it is enabled again.")
    reason = serializers.CharField(
        max_length=MAX_REASON_LENGTH, required=False, help_text="Why it is disabled; required with `enabled: false`."
    )


class EndpointRotationSerializer(serializers.Serializer[Any]):
    """How long events are also signed with the old secret."""

    overlap = serializers.ChoiceField(choices=tuple(OVERLAPS), required=False, help_text="Default: 0, it ends now.")
