"""The formats of connections and of attempts to authenticate."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.backend.base.serializers import PageSerializer
from integrations.models import AuthAttempt, Connection
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.services.connections.ending_texts import ending


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """One connection of a POS, open or ended, and why it ended."""

    closed_at = serializers.DateTimeField(allow_null=True, help_text="Null while it is open, and if its server died.")
    open = serializers.SerializerMethodField()
    close_code = serializers.IntegerField(allow_null=True, help_text="The close code of the websocket.")
    close_reason = serializers.SerializerMethodField(help_text="Null if it is open, or the reason is not known.")
    reason = serializers.SerializerMethodField(help_text="Why it ended, as text for a person; `open` if it is open.")
    unrecognised_frames = serializers.IntegerField()

    class Meta:
        model = Connection
        fields = read_only_fields = (
            "id",
            "open",
            "opened_at",
            "closed_at",
            "close_code",
            "close_reason",
            "reason",
            "address",
            "user_agent",
            "frames_in",
            "frames_out",
            "unrecognised_frames",
        )

    def get_open(self, connection: Connection) -> bool:
        return connection.is_open_at(shared_now())

    @extend_schema_field(serializers.ChoiceField(choices=CloseReason.values, allow_null=True))
    def get_close_reason(self, connection: Connection) -> str | None:
        return connection.close_reason or None

    def get_reason(self, connection: Connection) -> str:
        return ending(connection, shared_now())


class ConnectionPageSerializer(PageSerializer):
    results = ConnectionSerializer(many=True)


class AttemptSerializer(serializers.ModelSerializer[AuthAttempt]):
    """One attempt to get a token or to open the websocket as an outlet's POS."""

    endpoint = serializers.ChoiceField(choices=PosEndpoint.values)
    outcome = serializers.ChoiceField(choices=Outcome.values)
    reason = serializers.CharField(source="get_outcome_display", help_text="The outcome as text for a person.")
    detail = serializers.CharField(help_text="More about the reason, or empty.")
    provider_outlet_id = serializers.CharField(help_text="As the POS sent it.")
    pos_remote_id = serializers.CharField(help_text="As the POS sent it.")

    class Meta:
        model = AuthAttempt
        fields = read_only_fields = (
            "id",
            "at",
            "endpoint",
            "outcome",
            "reason",
            "detail",
            "provider_outlet_id",
            "pos_remote_id",
            "address",
            "user_agent",
        )


class AttemptPageSerializer(PageSerializer):
    results = AttemptSerializer(many=True)
