"""DRF views whose handlers are coroutines: they wait for look-ups that they share, and for a POS."""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.asgi import Scope


class AlwaysJson(BaseContentNegotiation):
    """A machine gets JSON whatever it says that it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class AsyncView(APIView):
    """Calls the coroutine of the request's method; every error becomes an answer of `refuse`.

    The body is for the handler to read as it came, whatever the Content-Type says.
    """

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
            response = await self.answer()
        except Exception as error:  # noqa: BLE001  (whatever happens, the other side gets its JSON)
            response = self.refuse(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)  # type: ignore[arg-type]
        return self.response

    async def answer(self) -> HttpResponseBase:
        """Return what the handler of the request's method answers. Raises MethodNotAllowed."""
        method = str(self.request.method).lower()
        if method not in self.http_method_names or not hasattr(self, method):
            raise MethodNotAllowed(method.upper())
        response: HttpResponseBase = await getattr(self, method)(self.request, **self.kwargs)
        return response

    def refuse(self, error: Exception) -> HttpResponseBase:
        """Return the answer to an error."""
        raise NotImplementedError
