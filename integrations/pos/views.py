import logging
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.pos import door, errors, wire
from integrations.pos.asgi import Scope
from integrations.pos.visitors import visitor_of

logger = logging.getLogger(__name__)


class AlwaysJson(BaseContentNegotiation):
    """A POS gets JSON whatever it says that it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class AuthView(APIView):
    """Exchanges ProviderOutletID, POSRemoteID and AuthSecret for an access token (SPEC).

    Async, because what it waits for is a look-up that it shares with the other authentications of the moment.
    The body is read as it came: whatever the Content-Type says, it is JSON (protocol notes, section 1.3).
    """

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.scope: Scope = dict(request.scope) if isinstance(request, ASGIRequest) else {"headers": ()}
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = {**self.default_response_headers, "Cache-Control": "no-store"}
        try:
            self.initial(self.request, *args, **kwargs)
            response = await self._answer()
        except Exception as error:  # noqa: BLE001  (whatever happens, the POS gets its JSON)
            response = self._refuse(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    async def post(self, request: Request) -> Response:
        visitor = visitor_of(self.scope)
        try:
            claim = wire.read_auth_request(request.body)
        except wire.Malformed as error:
            door.note_malformed(visitor, str(error))
            raise
        return Response(wire.auth_success(await door.exchange(claim, visitor)))

    async def _answer(self) -> Response:
        if self.request.method != "POST":
            raise MethodNotAllowed(str(self.request.method))
        return await self.post(self.request)

    def _refuse(self, error: Exception) -> Response:
        response = errors.answer(error)
        if response is None:
            logger.error("An authentication failed by a fault of ours.", exc_info=error)
            response = Response(wire.failure("The portal has a fault. Please try again later."), status=500)
        response.exception = True
        return response
