"""The formats of requests and message types, for the API's answers and for the OpenAPI document."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.backend.base.serializers import PageSerializer
from integrations.backend.requests import order_calls
from integrations.models import MessageType, Request
from integrations.models.fields.texts import longest
from integrations.models.request import RequestState
from integrations.services.requests.request_types import MAX_EXPIRES_IN, Result
from integrations.text.moments import iso
from integrations.wire import raw_json
from integrations.wire.payloads.answer_models import result_codes_in_words
from integrations.wire.payloads.request_models import MODELS

OUTCOMES = ("answered", "refused")
ACCEPTED = "accepted"


class RequestSerializer(serializers.ModelSerializer[Request]):
    """A request and its outcome, without payload and answer."""

    id = serializers.UUIDField(source="uuid")
    outlet = serializers.CharField(source="integration.outlet.provider_outlet_id")
    state = serializers.ChoiceField(choices=RequestState.values)
    durable = serializers.BooleanField(source="is_durable")
    failure = serializers.CharField(help_text="Why the request failed.")
    user_identifier = serializers.CharField(
        allow_null=True, help_text="A POS user's ID; `[redacted]` if it may have been a PIN."
    )
    error_message = serializers.CharField(
        allow_null=True,
        help_text="In a list, without PINs and other secrets; for a single request, as the POS sent it.",
    )
    stored_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was saved, before it was sent; null if it was recorded only afterwards."
    )
    sent_at = serializers.DateTimeField(allow_null=True, help_text="When it was first sent.")
    last_sent_at = serializers.DateTimeField(allow_null=True, help_text="When it was last sent.")
    content_pruned_at = serializers.DateTimeField(
        allow_null=True, help_text="When payload and answer were deleted after their retention period."
    )

    class Meta:
        model = Request
        fields = read_only_fields = (
            "id",
            "outlet",
            "request_id",
            "message_type",
            "device_id",
            "user_identifier",
            "durable",
            "state",
            "failure",
            "received_at",
            "send_before",
            "answer_before",
            "stored_at",
            "sent_at",
            "last_sent_at",
            "times_sent",
            "ended_at",
            "result_code",
            "error_message",
            "content_pruned_at",
        )


class WholeRequestSerializer(RequestSerializer):
    """A request with its payload and answer."""

    # This class only describes the JSON; `request_text` writes it.
    payload = serializers.JSONField(
        help_text="The payload exactly as sent, but without PINs and other secrets; null after its deletion."
    )
    answer = serializers.JSONField(
        help_text="The POS's payload exactly as sent; null if the POS sent none, or after its deletion."
    )

    class Meta(RequestSerializer.Meta):
        fields = (*RequestSerializer.Meta.fields, "payload", "answer")  # type: ignore[assignment]


class RequestPageSerializer(PageSerializer):
    results = RequestSerializer(many=True)


class AnswerSerializer(serializers.Serializer[Any]):
    """The POS's answer."""

    id = serializers.UUIDField()
    request_id = serializers.CharField()
    message_type = serializers.JSONField(help_text="As in the call; the number for a name that staff added.")
    outcome = serializers.ChoiceField(choices=OUTCOMES, help_text="answered: ResultCode 0; refused: any other.")
    result_code = serializers.IntegerField(help_text=result_codes_in_words())
    error_message = serializers.CharField(allow_null=True)
    payload = serializers.JSONField(
        help_text="Exactly as the POS sent it, without a check; null if it sent none, or after deletion."
    )
    content_pruned_at = serializers.DateTimeField(
        required=False, help_text="When the answer was deleted after its retention period; otherwise absent."
    )


class ReceiptSerializer(serializers.Serializer[Any]):
    """Where to find a request's outcome later."""

    id = serializers.UUIDField()
    request_id = serializers.CharField()
    outcome = serializers.ChoiceField(choices=(ACCEPTED,), help_text="The request is stored; its POS has not answered.")
    location = serializers.CharField()


class OrderSerializer(serializers.Serializer[Any]):
    """A request to an outlet's POS."""

    # This class only describes the body; `order_calls.read_order` parses it.
    message_type = serializers.JSONField(help_text="The number of a message type, or the name of a known one.")
    payload = serializers.DictField(help_text="Forwarded unchanged: same keys, same order, same digits.")
    device_id = serializers.CharField(
        min_length=1, max_length=longest(Request, "device_id"), help_text="Which of your devices sends the request."
    )
    user_identifier = serializers.CharField(
        max_length=longest(Request, "user_identifier"),
        allow_null=True,
        required=False,
        allow_blank=True,
        help_text="A POS user's PIN or ID.",
    )
    request_id = serializers.CharField(
        min_length=1,
        max_length=longest(Request, "request_id"),
        required=False,
        help_text="Your idempotency key; generated if you send none.",
    )
    mode = serializers.ChoiceField(choices=order_calls.MODES, default="wait")
    timeout = serializers.IntegerField(
        min_value=1, max_value=order_calls.MAX_TIMEOUT, default=order_calls.DEFAULT_TIMEOUT, help_text="Seconds."
    )
    expires_in = serializers.IntegerField(
        min_value=0, max_value=MAX_EXPIRES_IN, default=0, help_text="Seconds; 0: only if the POS is online now."
    )
    durable = serializers.BooleanField(default=True, help_text="false: one attempt, recorded afterwards; for polling.")
    validate = serializers.BooleanField(  # type: ignore[assignment]
        required=False,
        help_text="Check the payload against its model. By default, it is checked if `message_type` is a name.",
    )


class PayloadFieldSerializer(serializers.Serializer[Any]):
    """A field of the payload of a message type."""

    name = serializers.CharField()
    type = serializers.SerializerMethodField(help_text="Its type or its model; a list of them if it ends in `[]`.")
    required = serializers.BooleanField()  # type: ignore[assignment]
    nullable = serializers.BooleanField()
    max_length = serializers.IntegerField(source="limit", allow_null=True, help_text="In characters.")
    meaning = serializers.CharField()

    def get_type(self, field: Any) -> str:
        return f"{field.kind}[]" if field.is_list else str(field.kind)


class MessageTypeSerializer(serializers.ModelSerializer[MessageType]):
    """A message type that this portal knows by name."""

    number = serializers.IntegerField(allow_null=True, help_text="Null until staff enter it in the portal.")
    payload_model = serializers.CharField(help_text="The documented model of its payload; empty if there is none.")
    payload = serializers.SerializerMethodField(help_text="The fields of the model.")

    class Meta:
        model = MessageType
        fields = read_only_fields = ("number", "name", "description", "payload_model", "payload")

    @extend_schema_field(PayloadFieldSerializer(many=True))
    def get_payload(self, message_type: MessageType) -> Any:
        return PayloadFieldSerializer(MODELS.get(message_type.payload_model, ()), many=True).data


class MessageTypesSerializer(serializers.Serializer[Any]):
    """All message types that the portal knows by name."""

    results = MessageTypeSerializer(many=True)


def request_text(row: Request, result: Result) -> str:
    """Return a request as JSON, with payload and answer exactly as sent. `result` is its current result."""
    values = _with_iso_times(RequestSerializer(row).data) | {"error_message": result.error_message}
    return raw_json.write(values, {"payload": row.payload or "null", "answer": result.answer or "null"})


def answer_text(result: Result, request_id: str, message_type: int | str) -> str:
    """Return a POS's answer as JSON, with its payload exactly as sent."""
    values = {
        "id": str(result.uuid),
        "request_id": request_id,
        "message_type": message_type,
        "outcome": result.state,
        "result_code": result.result_code,
        "error_message": result.error_message,
    }
    if result.pruned_at is not None:
        values["content_pruned_at"] = iso(result.pruned_at)
    return raw_json.write(values, {"payload": result.answer or "null"})


def _with_iso_times(data: Any) -> dict[str, object]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in data.items()}
