"""The formats of one-time hand-over links."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.backend.base.serializers import PageSerializer
from integrations.models import HandoverLink, Integration
from integrations.models.clock import shared_now
from integrations.models.fields.texts import longest
from integrations.models.handover_link import LinkState
from integrations.services.handover.link_lifetime import MAX_HOURS
from integrations.services.handover.links import MAX_PASSPHRASE_LENGTH, MIN_PASSPHRASE_LENGTH
from integrations.services.overlaps import OVERLAPS

_REVOKED = "revoked"
STATES = [_REVOKED if each is LinkState.REVOKED else each.value for each in LinkState]


class HandoverLinkSerializer(serializers.ModelSerializer[HandoverLink]):
    """A one-time link that hands an outlet's values over to its recipient."""

    state = serializers.SerializerMethodField(help_text="failed: blocked after too many wrong passphrases.")
    begins_with = serializers.CharField(source="credential.shown", help_text="The first characters of its secret.")
    tries = serializers.IntegerField(help_text="How many passphrases were tried.")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_reason = serializers.CharField(help_text="Why it ended unopened; otherwise empty.")
    address = serializers.CharField(help_text="From which address it was opened or blocked; otherwise empty.")
    user_agent = serializers.CharField(help_text="The user agent that opened or blocked it; otherwise empty.")

    class Meta:
        model = HandoverLink
        fields: tuple[str, ...] = (
            "id",
            "state",
            "begins_with",
            "tries",
            "created_by",
            "created_at",
            "expires_at",
            "ended_at",
            "ended_reason",
            "address",
            "user_agent",
        )

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, link: HandoverLink) -> str:
        state = link.state_at(shared_now())
        return _REVOKED if state is LinkState.REVOKED else state.value


class NewHandoverLinkSerializer(HandoverLinkSerializer):
    """A new link. Its URL and its generated passphrase are shown only once."""

    url = serializers.URLField(help_text="The link for the recipient. It opens once, with the passphrase.")
    passphrase = serializers.CharField(
        allow_null=True, help_text="Tell it to the recipient separately from the link; null if you chose it."
    )

    class Meta(HandoverLinkSerializer.Meta):
        fields = (*HandoverLinkSerializer.Meta.fields, "url", "passphrase")


class HandoverLinkPageSerializer(PageSerializer):
    results = HandoverLinkSerializer(many=True)


class NewLinkBodySerializer(serializers.Serializer[Any]):
    """The options of a new link and of the new secret that it hands over."""

    hours = serializers.IntegerField(
        min_value=1,
        max_value=MAX_HOURS,
        required=False,
        help_text="How long it is valid; by default, as long as the setting of the portal says.",
    )
    passphrase = serializers.CharField(
        max_length=MAX_PASSPHRASE_LENGTH,
        required=False,
        trim_whitespace=False,
        help_text=f"At least {MIN_PASSPHRASE_LENGTH} characters that are not easy to guess; generated if you send "
        "none.",
    )
    overlap = serializers.ChoiceField(
        choices=tuple(OVERLAPS),
        required=False,
        help_text="How long the old secret stays valid. Default: 0, it ends now.",
    )
    pos_remote_id = serializers.CharField(
        max_length=longest(Integration, "pos_remote_id"),
        required=False,
        help_text="Only for an outlet that was never enabled: the call enables it.",
    )
