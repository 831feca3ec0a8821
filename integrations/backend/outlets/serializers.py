"""The formats of outlets in answers. `bodies` has the formats that callers send."""

from datetime import datetime
from typing import Any, Literal

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.backend.base.serializers import PageSerializer
from integrations.backend.outlets import rows
from integrations.models import Credential, Integration, Outlet
from integrations.models.clock import shared_now


class OutletSerializer(serializers.ModelSerializer[Outlet]):
    """An outlet and the status of its POS."""

    organisation_id = serializers.IntegerField()
    organisation = serializers.CharField(source="organisation.name", help_text="The name of the organisation.")
    pos_remote_id = serializers.SerializerMethodField()
    integration = serializers.SerializerMethodField()
    disabled_reason = serializers.SerializerMethodField(help_text="Why it is disabled; otherwise empty.")
    online = serializers.SerializerMethodField()
    since = serializers.SerializerMethodField(help_text="When the POS went online or offline.")
    last_seen = serializers.SerializerMethodField(help_text="When the POS was last connected.")

    class Meta:
        model = Outlet
        fields: tuple[str, ...] = (
            "provider_outlet_id",
            "name",
            "organisation_id",
            "organisation",
            "pos_remote_id",
            "integration",
            "disabled_reason",
            "online",
            "since",
            "last_seen",
            "alert_after_minutes",
            "opening_hours",
            "time_zone",
            "created_at",
        )
        read_only_fields = fields

    def get_pos_remote_id(self, outlet: Outlet) -> str | None:
        integration = Integration.of(outlet)
        return integration.pos_remote_id if integration else None

    def get_integration(self, outlet: Outlet) -> Literal["not_enabled", "enabled", "disabled"]:
        integration = Integration.of(outlet)
        if integration is None:
            return "not_enabled"
        return "enabled" if integration.is_enabled else "disabled"

    def get_disabled_reason(self, outlet: Outlet) -> str:
        integration = Integration.of(outlet)
        return integration.disabled_reason if integration else ""

    def get_online(self, outlet: Outlet) -> bool:
        presence = rows.presence_of(outlet)
        return presence is not None and presence.is_online_at(shared_now())

    def get_since(self, outlet: Outlet) -> datetime | None:
        presence = rows.presence_of(outlet)
        return presence.since_at(shared_now()) if presence else None

    def get_last_seen(self, outlet: Outlet) -> datetime | None:
        return rows.last_seen(outlet)


class OutletPageSerializer(PageSerializer):
    results = OutletSerializer(many=True)


class SecretSerializer(serializers.ModelSerializer[Credential]):
    """The data about a secret. The secret itself is never shown again."""

    begins_with = serializers.CharField(source="shown")
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="When a POS last authenticated with it.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When it ends; null if it does not expire.")

    class Meta:
        model = Credential
        fields = read_only_fields = ("begins_with", "created_at", "last_used_at", "expires_at")


class WholeOutletSerializer(OutletSerializer):
    """An outlet, the status of its POS, and the data about its secrets."""

    # Both fields read the database.
    secret = serializers.SerializerMethodField(help_text="The current secret; null if the outlet was never enabled.")
    older_secret = serializers.SerializerMethodField(help_text="The replaced secret during an overlap; otherwise null.")

    class Meta(OutletSerializer.Meta):
        fields = (*OutletSerializer.Meta.fields, "secret", "older_secret")

    @extend_schema_field(SecretSerializer(allow_null=True))
    def get_secret(self, outlet: Outlet) -> Any:
        integration = Integration.of(outlet)
        return SecretSerializer(integration.current_credential()).data if integration else None

    @extend_schema_field(SecretSerializer(allow_null=True))
    def get_older_secret(self, outlet: Outlet) -> Any:
        integration = Integration.of(outlet)
        older = integration.older_secret(shared_now()) if integration else None
        return SecretSerializer(older).data if older else None


class HandOverSerializer(serializers.Serializer[Any]):
    """The five values for PowerEPOS, under the names of the protocol. The secret is shown only once."""

    ProviderOutletID = serializers.CharField()
    POSRemoteID = serializers.CharField()
    AuthSecret = serializers.CharField(help_text="Store it now: the portal cannot show it again.")
    AuthURL = serializers.URLField()
    WebsocketURL = serializers.URLField()


class CreatedOutletSerializer(WholeOutletSerializer):
    """A new outlet, with the values for PowerEPOS if it was enabled."""

    handover = HandOverSerializer(allow_null=True, help_text="Null if the outlet was not enabled.")

    class Meta(WholeOutletSerializer.Meta):
        fields = (*WholeOutletSerializer.Meta.fields, "handover")


class HandedOverOutletSerializer(CreatedOutletSerializer):
    """An outlet with a new secret, and the values for PowerEPOS."""

    handover = HandOverSerializer()
