import logging

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.async_view import AsyncView
from integrations.pos import door, errors, wire
from integrations.pos.visitors import visitor_of

logger = logging.getLogger(__name__)


class AuthView(AsyncView):
    """Exchanges ProviderOutletID, POSRemoteID and AuthSecret for an access token (SPEC).

    Async, because what it waits for is a look-up that it shares with the other authentications of the moment.
    The body is read as it came: whatever the Content-Type says, it is JSON (protocol notes, section 1.3).
    """

    http_method_names = ["post"]

    async def post(self, request: Request) -> Response:
        visitor = visitor_of(self.scope)
        try:
            claim = wire.read_auth_request(request.body)
        except wire.Malformed as error:
            await door.note_malformed(visitor, str(error))
            raise
        return Response(wire.auth_success(await door.exchange(claim, visitor)))

    def refuse(self, error: Exception) -> Response:
        response = errors.answer(error)
        if response is None:
            logger.error("An authentication failed by a fault of ours.", exc_info=error)
            response = Response(wire.failure("The portal has a fault. Please try again later."), status=500)
        response.exception = True
        return response
