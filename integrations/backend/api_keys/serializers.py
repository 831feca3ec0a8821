"""The format of the caller's API key."""

from rest_framework import serializers

from integrations.models import ApiKeySecret, Organisation
from integrations.models.api_key import Scope


class OrganisationReferenceSerializer(serializers.ModelSerializer[Organisation]):
    """An organisation; its id never changes, its name can."""

    class Meta:
        model = Organisation
        fields = read_only_fields = ("id", "name")


class ApiKeySerializer(serializers.ModelSerializer[ApiKeySecret]):
    """The API key that sent the call: its owner, its scopes and its limits."""

    name = serializers.CharField(source="api_key.name", help_text="The system that uses the key.")
    organisation = OrganisationReferenceSerializer(
        source="api_key.organisation",
        allow_null=True,
        help_text="The only organisation that the key sees; null for all organisations.",
    )
    scopes = serializers.ListField(
        source="api_key.scopes", child=serializers.ChoiceField(choices=Scope.values), help_text="What the key can do."
    )
    networks = serializers.ListField(
        source="api_key.networks",
        child=serializers.CharField(),
        help_text="The only networks (CIDR) from which the key can be used; empty for any address.",
    )
    calls_per_second = serializers.IntegerField(
        source="api_key.call_limit.per_second", help_text="The most calls a second, on average."
    )
    calls_burst = serializers.IntegerField(
        source="api_key.call_limit.burst", help_text="The most calls at once after a pause."
    )
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the secret that was sent expires; null if it does not expire."
    )

    class Meta:
        model = ApiKeySecret
        fields = ("name", "organisation", "scopes", "networks", "calls_per_second", "calls_burst", "expires_at")
