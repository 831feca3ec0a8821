"""The formats of the bodies of calls that create or change outlets. The services check the values."""

from typing import Any

from rest_framework import serializers

from integrations.models import Integration, Outlet
from integrations.models.fields.texts import longest
from integrations.services.overlaps import OVERLAPS
from integrations.services.reasons import MAX_REASON_LENGTH

MAX_POS_REMOTE_ID = longest(Integration, "pos_remote_id")

_HOURS = "Alerts are sent during these hours only; empty for the organisation's. Example: mon-fri 09:00-23:00"
_ZONE = "An IANA time zone, such as Europe/London; empty for the organisation's time zone."
_ADOPTED = "A secret that PowerEPOS already has. Without it, the portal generates one, which is safer."


class OutletChangeSerializer(serializers.Serializer[Any]):
    """The fields of an outlet that a caller sets."""

    organisation_id = serializers.IntegerField(min_value=1, help_text="The organisation of the outlet.")
    name = serializers.CharField(max_length=longest(Outlet, "name"), help_text="Unique in the organisation.")
    provider_outlet_id = serializers.CharField(
        max_length=longest(Outlet, "provider_outlet_id"),
        required=False,
        help_text="Your own ID for the outlet; generated if you send none. Fixed once the outlet is enabled.",
    )
    alert_after_minutes = serializers.IntegerField(
        min_value=1,
        max_value=43_200,
        allow_null=True,
        required=False,
        help_text="Alert when the POS has been offline for this long; null for the portal's limit.",
    )
    opening_hours = serializers.CharField(
        max_length=longest(Outlet, "opening_hours"), allow_blank=True, required=False, help_text=_HOURS
    )
    time_zone = serializers.CharField(
        max_length=longest(Outlet, "time_zone"), allow_blank=True, required=False, help_text=_ZONE
    )


class NewOutletSerializer(OutletChangeSerializer):
    """A new outlet. With `pos_remote_id`, the call also enables it."""

    pos_remote_id = serializers.CharField(
        max_length=MAX_POS_REMOTE_ID, required=False, help_text="The ID that PowerEPOS assigned."
    )
    adopted_secret = serializers.CharField(required=False, trim_whitespace=False, help_text=_ADOPTED)


class EnableSerializer(serializers.Serializer[Any]):
    """The values that enable an outlet."""

    pos_remote_id = serializers.CharField(max_length=MAX_POS_REMOTE_ID, help_text="The ID that PowerEPOS assigned.")
    adopted_secret = serializers.CharField(required=False, trim_whitespace=False, help_text=_ADOPTED)


class PosRemoteIdSerializer(serializers.Serializer[Any]):
    """The correct POSRemoteID of an enabled outlet."""

    pos_remote_id = serializers.CharField(max_length=MAX_POS_REMOTE_ID)


class ReasonSerializer(serializers.Serializer[Any]):
    """Why the outlet is disabled; staff see it."""

    reason = serializers.CharField(max_length=MAX_REASON_LENGTH)


class OptionalReasonSerializer(serializers.Serializer[Any]):
    """Why the call was made; the audit event has it."""

    reason = serializers.CharField(max_length=MAX_REASON_LENGTH, allow_blank=True, required=False)


class RotationSerializer(serializers.Serializer[Any]):
    """How long the old secret stays valid."""

    overlap = serializers.ChoiceField(choices=tuple(OVERLAPS), required=False, help_text="Default: 0, it ends now.")
