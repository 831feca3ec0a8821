import logging
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.views import APIView

from integrations.asgi import Scope
from integrations.pos import door, errors, wire
from integrations.pos.visitors import visitor_of

logger = logging.getLogger(__name__)


class AuthView(APIView):
    """Exchanges ProviderOutletID, POSRemoteID and AuthSecret for an access token (SPEC).

    Async, because what it waits for is a look-up that it shares with the other authentications of the moment.
    The body is read as it came: whatever the Content-Type says, it is JSON (protocol notes, section 1.3). So DRF's
    own request, negotiation and rendering have nothing to do here, and would cost more than the authentication.
    """

    http_method_names = ["post"]

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *_args: Any, **_kwargs: Any
    ) -> HttpResponse:
        """Return the answer to a request; every error becomes an answer too."""
        if request.method != "POST":
            return self.refuse(MethodNotAllowed(str(request.method)))
        try:
            return await self.post(request)
        except Exception as error:  # noqa: BLE001  (whatever happens, the POS gets its JSON)
            return self.refuse(error)

    async def post(self, request: HttpRequest) -> HttpResponse:
        scope: Scope = request.scope if isinstance(request, ASGIRequest) else {"headers": ()}  # type: ignore[assignment]
        visitor = visitor_of(scope)
        try:
            claim = wire.read_auth_request(request.body)
        except wire.Malformed as error:
            await door.note_malformed(visitor, str(error))
            raise
        return errors.json_answer(wire.auth_success(await door.exchange(claim, visitor)))

    def refuse(self, error: Exception) -> HttpResponse:
        response = errors.answer(error)
        if response is None:
            logger.error("An authentication failed by a fault of ours.", exc_info=error)
            response = errors.failure("The portal has a fault. Please try again later.", status=500)
        return response
