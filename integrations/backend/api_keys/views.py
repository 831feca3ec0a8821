"""The view of the caller's API key."""

from integrations.backend.api_keys.schema import GET_API_KEY
from integrations.backend.api_keys.serializers import ApiKeySerializer
from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.query import check_names
from integrations.backend.base.views import BackendView
from integrations.models import ApiKeySecret
from integrations.services.rows.threads import readers
from integrations.wire.plain_http import PlainRequest, PlainResponse


class ApiKeyView(BackendView):
    """The API key that sent the call: its owner, scopes and limits."""

    http_method_names = ["get"]

    @GET_API_KEY
    async def get(self, request: PlainRequest) -> PlainResponse:
        check_names(request.query, ())
        return plain_data(ApiKeySerializer(await readers.run(_calling_secret, self.caller)).data)


def _calling_secret(caller: Caller) -> ApiKeySecret:
    """Return the secret that the caller sent. The same query loads its API key."""
    return ApiKeySecret.objects.select_related("api_key__organisation").get(pk=caller.secret_id)
