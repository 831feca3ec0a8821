"""The formats that all resources share: a page of a list, and a problem."""

from typing import Any

from rest_framework import serializers

from integrations.models.api_key import Scope
from integrations.models.request import RequestState


class PageSerializer(serializers.Serializer[Any]):
    # A subclass adds `results`. A docstring here would become the description of each page.
    next = serializers.CharField(allow_null=True, help_text="The URL of the next page; null on the last one.")


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField(help_text="The identifier to compare; it never changes.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]
    id = serializers.UUIDField(required=False, help_text="The id of the request concerned.")
    request_id = serializers.CharField(required=False)
    location = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=RequestState.values, required=False)
    scope = serializers.ChoiceField(
        choices=Scope.values, required=False, help_text="The scope that the call requires and the API key lacks."
    )
    result_code = serializers.IntegerField(required=False)
    correlation_id = serializers.CharField(required=False, help_text="The X-Request-ID; the portal's log has it too.")
