"""The POS's websocket, from accept to close. Each consumer is one task that waits only for its own socket."""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from integrations.models.attempt import UnrecognisedFrame, UnrecognisedFrameKind
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.pos import link, mentions, messages
from integrations.pos.access.admission import Admission
from integrations.pos.access.visitors import origin_of, visitor_of
from integrations.pos.close_codes import CLOSE_CODES, LIBRARY_CLOSE_CODES, code_for
from integrations.pos.limits import allowance
from integrations.pos.middleware import ADMISSION
from integrations.relay import runtime
from integrations.relay.records.attempt_records import FrameUnrecognised
from integrations.relay.records.connection_records import ConnectionClosed, ConnectionOpened
from integrations.relay.sockets.registry import Live
from integrations.services import metrics
from integrations.services.requests.request_types import Waiting
from integrations.services.requests.secret_members import hide_in_words
from integrations.text.characters import printable
from integrations.wire import envelope, raw_json
from integrations.wire.asgi_types import Receive, Scope, Send

PONG_SECONDS = 1.0  # a replaced POS may finish its requests only if it answers a ping within this time
ANSWER_SECONDS = 5.0  # seconds that a replaced POS gets to finish its requests
POLL = 0.05  # seconds
MOST_UNRECOGNISED = 50  # unrecognised frames stored for each connection; the others are only counted
EXCERPT = 2_000  # characters

# Maps the close codes of the server's websocket library to the reasons why it ends a connection (RFC 6455, 7.4.1).
_FAILURES = {1007: CloseReason.INVALID_TEXT} | {each.default: reason for reason, each in LIBRARY_CLOSE_CODES.items()}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2

logger = logging.getLogger(__name__)


class PosConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Holds one outlet's connection."""

    live: Live | None = None
    _close_reason: CloseReason | None = None
    closing: asyncio.Task[None] | None = None
    _has_ended = False
    _allowance: allowance.Allowance | None = None
    _is_finishing = False  # another connection took over; this POS still answers the requests that it has

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # This replaces the method of Channels, which would create a channel on the layer for every socket. Requests
        # for a POS come through the registry of its process, so the socket is the only source of events.
        self.scope, self.base_send = scope, send
        self._extensions: Mapping[str, Any] = scope.get("extensions", {})
        try:
            while not self._has_ended:
                await self.dispatch(await receive())
        finally:
            self._left(CloseReason.RESTART, None)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one event of the socket. If the portal fails, close this connection with the reason `internal`."""
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
            logger.exception("Unhandled error while processing a POS frame.")
            self.close_soon(CloseReason.INTERNAL)

    async def connect(self) -> None:
        running = await runtime.running()
        self._recorder = running.recorder
        self._registry = running.registry
        self._dispatcher = running.dispatcher
        if link.LINK not in self._extensions:  # with `serve`, the protocol layer counts frames itself
            self._allowance = allowance.of_one_pos()
        try:
            await self.accept(subprotocol=_first_subprotocol(self.scope))
        except Exception as error:  # noqa: BLE001  (each server has its own exception for a lost peer)
            logger.debug("The peer disconnected before its websocket was accepted.", extra={"error": str(error)})
            self._has_ended = True
            return
        admission: Admission = self.scope[ADMISSION]
        self.live = self._make_live(admission)
        self.scope.clear()  # it is not read again, and takes 2 KiB for each idle POS
        self._registry.add(self.live)
        metrics.connections_opened.inc()
        self._recorder.record(ConnectionOpened(self.live))
        self._dispatcher.connected(self.live, has_requests=admission.has_requests)

    def close_soon(self, reason: CloseReason) -> None:
        """Start closing for this reason.

        Frames that the POS sends from now on are ignored, but a replaced POS may first answer the requests that it has.
        """
        if self._close_reason is not None:
            return
        self._close_reason = reason
        self._is_finishing = reason is CloseReason.REPLACED
        work = self._hand_over() if reason is CloseReason.REPLACED else self._close(reason)
        self.closing = asyncio.create_task(work)

    async def transmit(self, frame: str) -> None:
        """Send a text frame. Waits while the POS does not read; raises if it has disconnected."""
        if self.live is not None:
            self.live.frames_out += 1
        await self.base_send({"type": "websocket.send", "text": frame})

    def frame_of(self, waiting: Waiting) -> str:
        """Return a request in the POS's envelope."""
        return envelope.write_request(request_id=waiting.request_id, **waiting.content._asdict())

    async def _hand_over(self) -> None:
        """Close because a newer connection took over.

        If the POS still responds, first wait for its answers to the requests that it has. The newer connection may
        belong to another till, which must not get the same requests.
        """
        live, below = self.live, self._extensions.get(link.LINK)
        if live is None:
            return
        self._registry.takeovers.replaced(live.integration_id)
        if live.lane is not None:
            live.lane.rest()
        is_there = below is None or await below.answers_ping(PONG_SECONDS)
        if is_there:
            self._registry.takeovers.note(live.integration_id)
        if below is not None and is_there and live.lane is not None:
            live.lane.has_answered_ping = True
            await _until_done(live)
        self._is_finishing = False
        if self.live is None:
            return
        await self._close(CloseReason.REPLACED, is_recorded=False)
        if below is not None and not is_there and (is_there := await below.has_answered_close()):
            self._registry.takeovers.note(live.integration_id)
        # A POS that does not respond probably lost its link and reconnected; no other till took over.
        reason = CloseReason.REPLACED if is_there else CloseReason.LINK_LOST
        self._record_end(live, code_for(CloseReason.REPLACED), reason)

    async def _close(self, reason: CloseReason, *, is_recorded: bool = True) -> None:
        # daphne lets an application close only with 1000 and 3000-4999. Unlike uvicorn, it offers no denial responses.
        is_daphne = "websocket.http.response" not in self._extensions
        code = code_for(reason, only_private=is_daphne)
        self._left(reason, code, is_recorded=is_recorded)
        try:
            await self.base_send({"type": "websocket.close", "code": code, "reason": CLOSE_CODES[reason].meaning})
        except Exception as error:  # noqa: BLE001  (each server has its own exception for a lost peer)
            logger.debug("The peer disconnected before the close frame was sent.", extra={"error": str(error)})

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
        # In a readable answer, search only the RequestID, because a late answer's payload may mention other RequestIDs.
        found = mentions.find(content if answer is None else request_id, awaited) if awaited else None
        return found is not None and self._dispatcher.answered(live, found, answer or envelope.why_unreadable(content))

    def _keep(self, live: Live, content: str | bytes, size: int) -> None:
        live.unrecognised_frames += 1
        if live.unrecognised_frames > MOST_UNRECOGNISED:
            return
        text, is_whole = raw_json.read_text(content)
        kind = messages.kind_of_frame(text) if is_whole else UnrecognisedFrameKind.NOT_JSON
        if isinstance(content, bytes) and kind is not UnrecognisedFrameKind.UNKNOWN:
            kind, text = UnrecognisedFrameKind.BINARY, ""
        # Redact before cutting, and redact more text than the excerpt needs: half a secret would not be recognised.
        excerpt = printable(hide_in_words(text[: 2 * EXCERPT]), EXCERPT)
        frame = UnrecognisedFrame(
            at=shared_now(),
            integration_id=live.integration_id,
            connection_id=live.id,
            kind=kind,
            size=size,
            excerpt=excerpt,
        )
        self._recorder.record(FrameUnrecognised(frame))

    def _disconnected(self, message: dict[str, Any]) -> None:
        self._has_ended = True
        code = message.get("code") or 1000
        self._left(self._reason_of(code, has_reason="reason" in message), code)

    def _reason_of(self, code: int, *, has_reason: bool) -> CloseReason:
        """Return why the connection has ended, when the consumer itself did not close it."""
        # Without a close frame, uvicorn reports 1005 (1012 when uvicorn itself stops) and no reason; daphne reports
        # 1006.
        if code == 1006 or (code == 1005 and not has_reason):
            return CloseReason.LINK_LOST
        if code == 1012 and not has_reason:
            return CloseReason.RESTART
        below = self._extensions.get(link.LINK)
        if below is None or below.has_failed:  # daphne does not say which side failed
            return _FAILURES.get(code, CloseReason.BY_POS)
        return CloseReason.BY_POS

    def _left(self, reason: CloseReason, code: int | None, *, is_recorded: bool = True) -> None:
        """Deregister the connection and record its end, once."""
        live, self.live = self.live, None
        if live is None:
            return
        self._close_reason = self._close_reason or reason
        self._registry.remove(live)
        self._dispatcher.disconnected(live, reason)
        if is_recorded:
            self._record_end(live, code, reason)

    def _record_end(self, live: Live, code: int | None, reason: CloseReason) -> None:
        self._recorder.record(ConnectionClosed(live, shared_now(), code, reason))
        metrics.connections_closed[reason].inc()

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


async def _until_done(live: Live) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while live.is_working and time.monotonic() < deadline:  # noqa: ASYNC110  (a few seconds, and rarely)
        await asyncio.sleep(POLL)


def _first_subprotocol(scope: Scope) -> str | None:
    """Return the first subprotocol that the POS offers, because some clients disconnect if the server selects none."""
    return next((each for each in scope.get("subprotocols", ()) if _TOKEN.fullmatch(each)), None)


def _size(content: str | bytes) -> int:
    return len(content) if isinstance(content, bytes) or content.isascii() else len(content.encode())
