"""Describes the call that returns the caller's own API key."""

from integrations.backend.api_keys.serializers import ApiKeySerializer
from integrations.backend.base.schema import operation

GET_API_KEY = operation(
    None,
    operation_id="get_api_key",
    summary="Get the caller's API key",
    responses={200: ApiKeySerializer},
)
