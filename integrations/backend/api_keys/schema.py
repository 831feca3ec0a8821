"""The description of the call about the calling API key."""

from integrations.backend.api_keys.serializers import ApiKeySerializer
from integrations.backend.base.schema import operation

GET_API_KEY = operation(
    None,
    operation_id="get_api_key",
    summary="Get the API key of the call",
    responses={200: ApiKeySerializer},
)
