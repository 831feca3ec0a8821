"""The formats of organisations."""

from typing import Any

from rest_framework import serializers

from integrations.backend.base.serializers import PageSerializer
from integrations.models import Organisation
from integrations.models.fields.texts import longest

_HOURS = "Alerts are sent during these hours only; empty for all hours. Example: mon-fri 09:00-23:00"
_ZONE = "An IANA time zone, such as Europe/London; empty for the portal's time zone."


class OrganisationSerializer(serializers.ModelSerializer[Organisation]):
    """A customer of the provider: one restaurant or a chain of them. Its id never changes, its name can."""

    class Meta:
        model = Organisation
        fields = read_only_fields = ("id", "name", "opening_hours", "time_zone", "created_at")


class OrganisationPageSerializer(PageSerializer):
    results = OrganisationSerializer(many=True)


class OrganisationBodySerializer(serializers.Serializer[Any]):
    """The fields of an organisation that a caller sets."""

    name = serializers.CharField(max_length=longest(Organisation, "name"), help_text="Unique.")
    opening_hours = serializers.CharField(
        max_length=longest(Organisation, "opening_hours"), allow_blank=True, required=False, help_text=_HOURS
    )
    time_zone = serializers.CharField(
        max_length=longest(Organisation, "time_zone"), allow_blank=True, required=False, help_text=_ZONE
    )
