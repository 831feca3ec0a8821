"""The base of every view of the API."""

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from integrations.backend.base import problems
from integrations.backend.base.authentication import Caller, authenticate, check_scope
from integrations.backend.base.problems import Problem
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.services.audit import Actor
from integrations.text.client_address import address_in
from integrations.wire.plain_http import PlainRequest, PlainResponse


class BackendView(APIView):
    """Authenticates the caller first, and answers every error with a problem.

    The handlers are coroutines that wait for shared look-ups and for a POS. The answer is always JSON, and the body is
    parsed whatever its Content-Type. So DRF's request, content negotiation and rendering are bypassed; they would cost
    as much as the rest of a call.
    """

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)
    caller: Caller
    actor: Actor
    running: Runtime

    async def dispatch(  # type: ignore[override]
        self, request: PlainRequest, *_args: Any, **kwargs: Any
    ) -> PlainResponse:
        """Return the answer to a request, including for errors."""
        try:
            return await self.answer(request, **kwargs)
        except Exception as error:  # noqa: BLE001  (the caller gets JSON for every error)
            return problems.answer(error)

    async def answer(self, request: PlainRequest, **kwargs: Any) -> PlainResponse:
        """Authenticate the caller and return the handler's answer. Raises Problem, or the exception of the handler."""
        self.running = await runtime.running()
        header, address = request.header(b"authorization"), address_in(request.scope)
        self.caller = await authenticate(header, self.running.recorder, address=address)
        self.actor = Actor(f"API key: {self.caller.name}", address=address)
        method = "get" if request.method == "HEAD" else request.method.lower()
        if method not in self.http_method_names or not hasattr(self, method):
            allowed = ", ".join(self.allowed_methods).replace("GET", "GET, HEAD")
            raise Problem(problems.METHOD_NOT_ALLOWED, headers={"Allow": allowed})
        handler = getattr(self, method)
        check_scope(self.caller, handler)
        response: PlainResponse = await handler(request, **kwargs)
        return response
