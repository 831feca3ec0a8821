"""The base of every view of the API.

A handler that changes something passes a function to `change`, which honours Idempotency-Key:

    @CREATE_OUTLET
    async def post(self, request: PlainRequest) -> PlainResponse:
        values = read_change(request, NewOutletSerializer)
        create = partial(changes.create, self.caller, actor=self.actor, **values)
        return await self.change(create, status=201, location=_location)

The function runs in one transaction, in a database thread. It checks what the caller may see, calls the services, and
returns the content of the answer. If it raises Problem or a service's refusal, all its changes are undone. It must not
wait for the network or a POS. A repeat of the call gets the first answer, and the function does not run again. So the
function must make all changes of the call. Code that may only run after the commit belongs after
`await self.change(...)` or in `transaction.on_commit`. For a call without an Idempotency-Key, the function runs in the
same way.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from integrations.backend.base import problems, rate_limits
from integrations.backend.base.api_key_authentication import Caller, authenticate, check_scope
from integrations.backend.base.idempotency import idempotency_key
from integrations.backend.base.json_answers import plain_data
from integrations.backend.base.problems import Problem
from integrations.backend.base.rate_limits import Usage
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.services.api_keys.idempotency import Call, change_once
from integrations.services.audit import Actor
from integrations.services.rows.threads import within, writers
from integrations.text.client_address import address_in
from integrations.wire.plain_http import PlainRequest, PlainResponse

CHANGE_SECONDS = 5.0  # how long a caller waits for the database; the change may still happen afterwards


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
    received: PlainRequest
    usage: Usage | None = None

    async def dispatch(  # type: ignore[override]
        self, request: PlainRequest, *_args: Any, **kwargs: Any
    ) -> PlainResponse:
        """Return the answer to a request. An exception is answered with a problem."""
        try:
            response = await self.answer(request, **kwargs)
        except Exception as error:  # noqa: BLE001  (the caller gets JSON for every error)
            response = problems.answer(error)
        if self.usage is not None:
            response.headers = [*response.headers, *self.usage.headers()]
        return response

    async def answer(self, request: PlainRequest, **kwargs: Any) -> PlainResponse:
        """Authenticate the caller and return the handler's answer. Raises Problem, or the exception of the handler."""
        self.received = request
        self.running = await runtime.running()
        given, address = request.headers(b"authorization"), address_in(request.scope)
        self.caller = await authenticate(given, self.running.recorder, address=address)
        self.usage = rate_limits.buckets.take(self.caller.api_key_id, self.caller.call_limit)
        if self.usage.wait:
            request.body = b""  # free the memory of the body before the delay
            await rate_limits.buckets.delay()
            raise self.usage.problem()
        self.actor = Actor.api_key(self.caller.name, address=address)
        method = "get" if request.method == "HEAD" else request.method.lower()
        if method not in self.http_method_names or not hasattr(self, method):
            allowed = ", ".join(self.allowed_methods).replace("GET", "GET, HEAD")
            raise Problem(problems.METHOD_NOT_ALLOWED, headers={"Allow": allowed})
        handler = getattr(self, method)
        check_scope(self.caller, handler)
        response: PlainResponse = await handler(request, **kwargs)
        return response

    async def change(
        self, function: Callable[[], Any], *, status: int = 200, location: Callable[[Any], str] | None = None
    ) -> PlainResponse:
        """Run `function` in one transaction and answer with the value that it returns.

        If the client repeats a call with the same Idempotency-Key, it gets the first call's answer. `location` takes
        the value of `function` and returns the path of the created resource. Raises Problem, the refusals of
        `change_once`, the errors of `function`, or DatabaseUnresponsive after CHANGE_SECONDS.
        """
        change = partial(_answer_of, function, status, location)
        key = idempotency_key(self.received)
        if key is None:
            return await within(CHANGE_SECONDS, writers.run(transaction.atomic(change)))
        call = self._call(key)
        return await within(CHANGE_SECONDS, writers.run(change_once, call, change=change))

    def _call(self, key: str) -> Call:
        request = self.received
        target = f"{request.path}?{request.scope['query_string'].decode('latin-1')}"
        return Call(self.caller.api_key_id, key, request.method, target, request.body)


def _answer_of(function: Callable[[], Any], status: int, location: Callable[[Any], str] | None) -> PlainResponse:
    content = function()
    if isinstance(content, PlainResponse):  # a response with JSON that must stay exactly as written
        return content
    response = plain_data(content, status=status)
    if location:
        response.set_header(b"location", location(content))
    return response
