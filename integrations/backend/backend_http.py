"""Serves API calls directly from ASGI, without Django's handler and middleware.

The request and response classes are in wire/plain_http.py. Django's handler would hold a thread for each call that
waits for a POS, so only the pages that describe the API use that handler.
"""

import asyncio
import contextlib
import logging
import time
from functools import lru_cache

from django.urls import ResolverMatch, resolve

from integrations.backend.base import correlation, outlet_addresses, problems
from integrations.backend.base.api_key_authentication import OPERATION
from integrations.backend.base.problems import Problem
from integrations.backend.base.views import BackendView
from integrations.services import metrics
from integrations.services.futures import error_of
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.endpoints import API_PATH
from integrations.wire.limits import KIBIBYTE
from integrations.wire.plain_http import PlainRequest, PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, read_body

URLS = "integrations.backend.urls"
LEAVING_SECONDS = 1.0  # the portal begins to watch for a client's disconnection this many seconds into a call
MAX_API_BODY = 256 * KIBIBYTE  # bytes of a call's body; a longer body gets 413
TOO_LARGE = f"The limit is {MAX_API_BODY // KIBIBYTE} KiB. Send less."
MATCHES = 1024  # the cache holds at most this many resolved paths; resolving one takes a twentieth of a call's time
MANY_BODIES = "Send each body without pauses, and fewer at the same time."

logger = logging.getLogger(__name__)


class BackendHttp:
    """Serves API calls; passes every other request to `otherwise`."""

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _match(scope)
        if match is None:
            await self._otherwise(scope, receive, send)
            return
        correlation_id = correlation.begin(scope)
        began = time.perf_counter()
        with contextlib.suppress(ClientLeft):
            response = await _run_view(match, scope, receive)
            response.set_header(correlation.HEADER, correlation_id)
            metrics.api_calls.labels(_operation(match, scope["method"]), str(response.status)).inc()
            _log(scope, response, time.perf_counter() - began)
            await send_response(response, scope, send)


def _log(scope: Scope, response: PlainResponse, seconds: float) -> None:
    """Log the call without its query string, which may contain the caller's filters."""
    extra = {
        "method": scope["method"],
        "path": scope["path"],
        "status": response.status,
        "milliseconds": round(seconds * 1000, 1),
    }
    logger.info("API call answered.", extra=extra)


def _operation(match: ResolverMatch, method: str) -> str:
    """Return the operation's name in the OpenAPI document; `other` for every call that it does not describe."""
    view: type[BackendView] = match.func.view_class  # type: ignore[attr-defined]
    handler = getattr(view, "get" if method == "HEAD" else method.lower(), None)
    return str(getattr(handler, OPERATION, "other"))


def _match(scope: Scope) -> ResolverMatch | None:
    # Accept the API's root without its final slash: a redirect would turn a POST into a request without a body.
    if not f"{scope['path']}/".startswith(API_PATH):
        return None
    return _match_of_path(scope["path"], scope.get("raw_path") or b"")


@lru_cache(maxsize=MATCHES)
def _match_of_path(path: str, raw_path: bytes) -> ResolverMatch | None:
    match = resolve("/" + outlet_addresses.path_of(path, raw_path), urlconf=URLS)
    view = getattr(match.func, "view_class", None)
    return match if view is not None and issubclass(view, BackendView) else None


async def _run_view(match: ResolverMatch, scope: Scope, receive: Receive) -> PlainResponse:
    try:
        request = PlainRequest(scope, await read_body(scope, receive, MAX_API_BODY))
    except BodyTooLarge:
        return problems.answer(Problem(problems.TOO_LARGE, TOO_LARGE, headers={"Connection": "close"}))
    except BodyGaveWay:
        return problems.answer(Problem(problems.MANY_BODIES, MANY_BODIES, headers={"Connection": "close"}))
    view: BackendView = match.func.view_class()  # type: ignore[attr-defined]
    with _WhileConnected(receive):
        return await view.dispatch(request, **match.kwargs)


class _WhileConnected:
    """Cancels the block and raises ClientLeft if the client disconnects.

    Requests to a POS continue if the call has already stored or sent them. The task that watches for a disconnection
    starts only after LEAVING_SECONDS, because most calls end sooner, and the task would add a tenth to their cost.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting = asyncio.current_task()
        self._leaving: asyncio.Task[None] | None = None
        self._was_cancelled = False

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LEAVING_SECONDS, self._watch)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._timer.cancel()
        waiting, self._waiting = self._waiting, None
        if self._leaving is not None:
            self._leaving.cancel()
        if isinstance(error, asyncio.CancelledError) and self._was_cancelled and waiting and not waiting.uncancel():
            raise ClientLeft from None

    def _watch(self) -> None:
        self._leaving = asyncio.create_task(_leave(self._receive))
        self._leaving.add_done_callback(self._left)

    def _left(self, leaving: asyncio.Task[None]) -> None:
        if leaving.cancelled() or self._waiting is None:
            return
        # An error of `receive` also means that the client left. Read it, because asyncio would otherwise log it.
        error_of(leaving)
        self._was_cancelled = self._waiting.cancel()


async def _leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
