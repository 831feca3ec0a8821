"""The POS's websocket, from accept to close. A consumer of one task: it waits for nothing but its own socket."""

import asyncio
import logging
import re
import time
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from integrations.models.attempt import StrayFrame, StrayFrameKind
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.pos import link, mentions, messages
from integrations.pos.access.admission import Admission
from integrations.pos.access.visitors import origin_of, visitor_of
from integrations.pos.close_codes import CLOSE_CODES, code_for
from integrations.pos.limits import allowance
from integrations.pos.middleware import ADMISSION
from integrations.relay import runtime
from integrations.relay.sockets.registry import Live
from integrations.services import metrics
from integrations.services.requests.request_types import Waiting
from integrations.services.requests.secret_members import hide_in_words
from integrations.text.characters import printable
from integrations.wire import envelope, raw_json
from integrations.wire.asgi_types import Receive, Scope, Send

PONG_SECONDS = 1.0  # in which a replaced POS has to answer a ping, so that the portal waits for its answers
ANSWER_SECONDS = 5.0  # for which the portal then waits
POLL = 0.05
STRAYS_KEPT = 50  # of one connection; the rest is counted
EXCERPT = 2_000  # characters

# Why the server's websocket library ends a connection (RFC 6455, 7.4.1).
_FAILURES = {
    1002: CloseReason.PROTOCOL_ERROR,
    1007: CloseReason.INVALID_TEXT,
    1009: CloseReason.TOO_LARGE,
}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2

logger = logging.getLogger(__name__)


class PosConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Holds one outlet's connection."""

    live: Live | None = None
    _close_reason: CloseReason | None = None
    closing: asyncio.Task[None] | None = None
    _has_ended = False
    _allowance: allowance.Allowance | None = None
    _is_finishing = False  # another connection took over, and this POS answers the requests that it has

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Channels would give every socket a channel of its own on the layer. What is for a POS comes through the
        # registry of its process, so the only source is the socket itself.
        self.scope, self.base_send = scope, send
        try:
            while not self._has_ended:
                await self.dispatch(await receive())
        finally:
            self._left(CloseReason.RESTART, None)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one event of the socket; a fault of ours ends this connection with its own code."""
        try:
            match message["type"]:
                case "websocket.connect":
                    await self.connect()
                case "websocket.receive":
                    self._receive(message)
                case "websocket.disconnect":
                    self._disconnected(message)
                case link.FLOODING:
                    self.close_soon(CloseReason.FLOODING)
        except Exception:
            logger.exception("A POS's frame met a fault of ours.")
            self.close_soon(CloseReason.INTERNAL)

    async def connect(self) -> None:
        running = await runtime.running()
        self._recorder = running.recorder
        self._registry = running.registry
        self._dispatcher = running.dispatcher
        if link.LINK not in self.scope.get("extensions", {}):  # under `serve`, the connection below has counted already
            self._allowance = allowance.of_one_pos()
        try:
            await self.accept(subprotocol=_first_subprotocol(self.scope))
        except Exception as error:  # noqa: BLE001  (each server raises its own when the peer has gone)
            logger.debug("The peer had gone before its websocket was accepted: %s", error)
            self._has_ended = True
            return
        self.live = self._make_live(self.scope[ADMISSION])
        self._registry.add(self.live)
        metrics.connections_opened.inc()
        self._recorder.opened(self.live)
        self._dispatcher.connected(self.live, has_requests=self.scope[ADMISSION].has_requests)

    def close_soon(self, reason: CloseReason) -> None:
        """Begin to close, for this reason; what the POS sends from now on is not read."""
        if self._close_reason is not None:
            return
        self._close_reason = reason
        self._is_finishing = reason is CloseReason.REPLACED
        work = self._hand_over() if reason is CloseReason.REPLACED else self._close(reason)
        self.closing = asyncio.create_task(work)

    async def transmit(self, frame: str) -> None:
        """Send a text frame; waits while the POS does not read, and raises when it has gone."""
        if self.live is not None:
            self.live.frames_out += 1
        await self.base_send({"type": "websocket.send", "text": frame})

    def frame_of(self, waiting: Waiting) -> str:
        """Return a request in the POS's envelope."""
        return envelope.write_request(request_id=waiting.request_id, **waiting.content.by_name())

    async def _hand_over(self) -> None:
        """Close because a newer connection took over. A POS that is still there first answers the requests that it has:
        the newer connection may be another till's, which must not get them as well.
        """
        live, below = self.live, self.scope.get("extensions", {}).get(link.LINK)
        if live is None:
            return
        self._registry.takeovers.replaced(live.integration_id)
        if live.lane is not None:
            live.lane.rest()
        is_there = below is None or await below.answers_ping(PONG_SECONDS)
        if is_there:
            self._registry.takeovers.note(live.integration_id)
        if below is not None and is_there and live.lane is not None:
            live.lane.is_heard = True
            await _until_done(live)
        self._is_finishing = False
        if self.live is None:
            return
        await self._close(CloseReason.REPLACED, is_recorded=False)
        if not is_there and (is_there := await below.has_answered_close()):
            self._registry.takeovers.note(live.integration_id)
        # A POS that lost its link and reconnected did not take the outlet over from another till.
        reason = CloseReason.REPLACED if is_there else CloseReason.LINK_LOST
        self._recorder.closed(live, at=shared_now(), code=code_for(CloseReason.REPLACED), reason=reason)

    async def _close(self, reason: CloseReason, *, is_recorded: bool = True) -> None:
        # daphne, which offers no denial response, lets an application close with 1000 and 3000-4999 alone.
        is_daphne = "websocket.http.response" not in self.scope.get("extensions", {})
        code = code_for(reason, only_private=is_daphne)
        self._left(reason, code, is_recorded=is_recorded)
        try:
            await self.base_send({"type": "websocket.close", "code": code, "reason": CLOSE_CODES[reason].meaning})
        except Exception as error:  # noqa: BLE001  (each server raises its own when the peer has gone already)
            logger.debug("The peer had gone before it could be told why: %s", error)

    def _receive(self, message: dict[str, Any]) -> None:
        if (self._close_reason is not None and not self._is_finishing) or self.live is None:
            return
        text = message.get("text")
        content: str | bytes = message["bytes"] if text is None else text
        size = _size(content)
        self.live.frames_in += 1
        if self._allowance and not self._allowance.take(size):
            self.close_soon(CloseReason.FLOODING)
        elif self._is_answer(self.live, content):
            if self._allowance:
                self._allowance.give_back(size)
        elif message.get(link.BROKEN_TEXT):
            self.close_soon(CloseReason.INVALID_TEXT)
        else:
            self._keep(self.live, content, size)

    def _is_answer(self, live: Live, content: str | bytes) -> bool:
        request_id, answer = envelope.read_answer(content) or ("", None)
        if answer is not None and self._dispatcher.answered(live, request_id, answer):
            return True
        awaited = live.lane.awaited if live.lane else ()
        # Not anywhere in an answer that has another RequestID: it comes late, and may list those of others.
        found = mentions.find(content if answer is None else request_id, awaited) if awaited else None
        return found is not None and self._dispatcher.answered(live, found, answer or envelope.why_unreadable(content))

    def _keep(self, live: Live, content: str | bytes, size: int) -> None:
        live.stray_frames += 1
        if live.stray_frames > STRAYS_KEPT:
            return
        text, is_whole = raw_json.read_text(content)
        kind = messages.kind_of_frame(text) if is_whole else StrayFrameKind.NOT_JSON
        if isinstance(content, bytes) and kind is not StrayFrameKind.UNKNOWN:
            kind, text = StrayFrameKind.BINARY, ""
        # Redacted with a margin before it is cut, so that no half of a secret is left over.
        excerpt = printable(hide_in_words(text[: 2 * EXCERPT]), EXCERPT)
        self._recorder.stray(
            StrayFrame(
                at=shared_now(),
                integration_id=live.integration_id,
                connection_id=live.id,
                kind=kind,
                size=size,
                excerpt=excerpt,
            )
        )

    def _disconnected(self, message: dict[str, Any]) -> None:
        self._has_ended = True
        code = message.get("code") or 1000
        self._left(self._reason_of(code, has_reason="reason" in message), code)

    def _reason_of(self, code: int, *, has_reason: bool) -> CloseReason:
        """Return why a connection ended that we did not close."""
        # Without a close frame uvicorn reports 1005, at its own end 1012, and no reason; daphne reports 1006.
        if code == 1006 or (code == 1005 and not has_reason):
            return CloseReason.LINK_LOST
        if code == 1012 and not has_reason:
            return CloseReason.RESTART
        below = self.scope.get("extensions", {}).get(link.LINK)
        if below is None or below.has_failed:  # daphne does not say which side failed
            return _FAILURES.get(code, CloseReason.BY_POS)
        return CloseReason.BY_POS

    def _left(self, reason: CloseReason, code: int | None, *, is_recorded: bool = True) -> None:
        """Take the connection off the books, once."""
        live, self.live = self.live, None
        if live is None:
            return
        self._close_reason = self._close_reason or reason
        self._registry.remove(live)
        self._dispatcher.disconnected(live, reason)
        if is_recorded:
            self._recorder.closed(live, at=shared_now(), code=code, reason=reason)

    def _make_live(self, admission: Admission) -> Live:
        visitor = visitor_of(self.scope)
        return Live(
            integration_id=admission.integration_id,
            provider_outlet_id=admission.provider_outlet_id,
            credential_id=admission.credential_id,
            generation=admission.generation,
            expires_at=admission.expires_at,
            opened_at=shared_now(),
            address=visitor.address,
            user_agent=visitor.user_agent,
            socket=self,
            origin=origin_of(self.scope),
        )


def _is_working(live: Live) -> bool:
    return live.lane is not None and bool(live.lane.begun or not live.lane.is_at_rest)


async def _until_done(live: Live) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while _is_working(live) and time.monotonic() < deadline:  # noqa: ASYNC110  (a few seconds, and rarely)
        await asyncio.sleep(POLL)


def _first_subprotocol(scope: Scope) -> str | None:
    """Return what the POS offers first: a client that offers subprotocols may give up where none is chosen."""
    return next((each for each in scope.get("subprotocols", ()) if _TOKEN.fullmatch(each)), None)


def _size(content: str | bytes) -> int:
    return len(content) if isinstance(content, bytes) or content.isascii() else len(content.encode())
