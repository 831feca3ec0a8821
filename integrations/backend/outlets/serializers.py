"""The formats of outlets."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from integrations.backend.outlets import rows
from integrations.models import Outlet
from integrations.models.clock import shared_now


class OutletSerializer(serializers.ModelSerializer[Outlet]):
    """An outlet and the status of its POS."""

    organisation = serializers.CharField(source="organisation.name")
    pos_remote_id = serializers.SerializerMethodField()
    integration = serializers.SerializerMethodField()
    online = serializers.SerializerMethodField()
    since = serializers.SerializerMethodField(help_text="When the POS went online or offline.")
    last_seen = serializers.SerializerMethodField(help_text="When the POS was last connected.")

    class Meta:
        model = Outlet
        fields = (
            "provider_outlet_id",
            "name",
            "organisation",
            "pos_remote_id",
            "integration",
            "online",
            "since",
            "last_seen",
        )

    def get_pos_remote_id(self, outlet: Outlet) -> str | None:
        integration = getattr(outlet, "integration", None)
        return integration.pos_remote_id if integration else None

    def get_integration(self, outlet: Outlet) -> str:
        integration = getattr(outlet, "integration", None)
        if integration is None:
            return "not_enabled"
        return "enabled" if integration.is_enabled else "disabled"

    def get_online(self, outlet: Outlet) -> bool:
        presence = rows.presence_of(outlet)
        return presence is not None and presence.is_online_at(shared_now())

    def get_since(self, outlet: Outlet) -> datetime | None:
        presence = rows.presence_of(outlet)
        return presence.since_at(shared_now()) if presence else None

    def get_last_seen(self, outlet: Outlet) -> datetime | None:
        return rows.last_seen(outlet)


class OutletPageSerializer(serializers.Serializer[Any]):
    results = OutletSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The URL of the next page; null on the last one.")
