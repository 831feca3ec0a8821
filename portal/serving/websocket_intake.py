"""Meters the bytes and frames of a POS's websocket before they are parsed, to keep the event loop responsive.

uvicorn itself parses everything that arrives, without a limit. The limits here also count control frames and fragments
of messages, because parsing them takes time too.
"""

import asyncio
from typing import Any

from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from integrations.pos.limits import allowance
from integrations.pos.link import BROKEN_TEXT, FLOODING, LINK, Link
from integrations.pos.messages import MAX_FRAME
from integrations.services.futures import succeed

CLOSE_SECONDS = 1.0  # time from the close frame of either side until the transport is aborted
SMALLEST_FRAME = 6  # bytes in the smallest frame that a client can send
SMALLEST_PIECE = 1024  # at least this many bytes are parsed at a time, even if the allowance is nearly used up
FRAMES_AT_ONCE = 500  # at most this many frames are parsed in one iteration of the event loop, in about 10 ms
RESUME_AT = 1.0  # reading of a paused connection resumes when it has one second's worth of allowance
PAUSES = 3  # allowed pauses within CALM_SECONDS of each other; the next one counts as flooding
CALM_SECONDS = 10.0  # after this time without a pause, earlier pauses no longer count
FRAGMENTS = 64  # at most this many fragments of one message are kept; beyond that, they are joined
# The most frames and bytes that the answer to one request may need. websocket-sharp splits a message into fragments
# of 1016 bytes.
ANSWER_FRAMES = MAX_FRAME // 1016 + 2
ANSWER_BYTES = MAX_FRAME + 14 * ANSWER_FRAMES


class EventQueue:
    """Holds the events of one connection for its only reader. asyncio.Queue, with its four deques, takes 3 KiB more."""

    __slots__ = ("_events", "_reader")

    def __init__(self) -> None:
        self._events: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._events

    def put_nowait(self, event: Any) -> None:
        self._events.append(event)
        if self._reader is not None:
            succeed(self._reader, None)

    async def get(self) -> Any:
        """Wait for the next event and return it. Only one task may wait."""
        while not self._events:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._events.pop(0)


class MeteredWebsocket(WebSocketsSansIOProtocol):
    """Reads a POS no faster than its allowance permits.

    Every frame and byte counts on arrival. When the allowance is used up, reading pauses, and TCP makes the POS wait.
    If the POS keeps sending too fast, the consumer gets a flooding event. The transport is aborted one second after the
    close, even if the peer is still sending or does not read.
    """

    # Class attributes save memory, because nearly all of the thousands of connections keep these values.
    _unparsed = memoryview(b"")
    _resuming: asyncio.TimerHandle | None = None
    _aborting: asyncio.TimerHandle | None = None
    _parsed = 0  # frames parsed in this iteration of the event loop
    _pauses = 0
    _resumed_at = 0.0
    _is_flooding = False
    _was_aborted = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = EventQueue()  # type: ignore[assignment]
        self._allowance = allowance.of_one_pos()
        self._link = Link(self._ping_now)

    # --- Receiving

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:  # `data` belongs to the handshake's request
            super().data_received(data)
            self._end_if_closing()
            return
        if self._is_flooding and self.close_sent:
            return  # drop it, but keep reading, because some peers send everything before they read the close frame
        self._unparsed = memoryview(bytes(self._unparsed) + data if self._unparsed else data)
        self._parse()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["extensions"][LINK] = self._link  # type: ignore[assignment]

    def handle_events(self) -> None:
        frames = len(self.conn.events)
        self._parsed += frames
        self._allowance.take(0, frames)
        super().handle_events()

    def send_receive_event_to_app(self) -> None:
        """Pass a message to the consumer. Text that is not valid UTF-8 is passed too, because it may be an answer."""
        content = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        event: Any = {"type": "websocket.receive", "bytes": content}
        if self.curr_msg_data_type == "text":
            try:
                event = {"type": "websocket.receive", "text": content.decode()}
            except UnicodeDecodeError:
                event[BROKEN_TEXT] = True
        self.queue.put_nowait(event)
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        if self.pending_ping_payload is None:
            self._link.pong()

    def handle_cont(self, event: Frame) -> None:
        if not event.data and not event.fin:
            return  # an empty fragment carries nothing, and a peer could send any number of them
        super().handle_cont(event)
        if len(self.frames) > FRAGMENTS:
            self.frames = [b"".join(self.frames)]

    async def receive(self) -> Any:
        message = await super().receive()
        if self._unparsed or self._resuming is not None or self._is_flooding:
            self._parse()  # uvicorn has resumed reading, so parse the rest or pause again
        return message

    def _parse(self) -> None:
        """Parse as much of the received data as the allowance permits; resume reading when all is parsed."""
        self._parsed = 0
        while self._unparsed and not self._must_wait and self._parsed < FRAMES_AT_ONCE:
            size = max(SMALLEST_PIECE, SMALLEST_FRAME * int(self._allowance.frames_left))
            piece, self._unparsed = self._unparsed[:size], self._unparsed[size:]
            self._allowance.take(len(piece), 0)
            super().data_received(piece)  # type: ignore[arg-type]
            self._end_if_closing()
            self._wait_if_used_up()
        self._read_or_wait()

    @property
    def _must_wait(self) -> bool:
        is_before_answer = not self.handshake_complete
        return is_before_answer or self.read_paused or self._resuming is not None or self._is_over

    @property
    def _is_over(self) -> bool:
        return self._is_flooding or self.disconnected or self.transport.is_closing()

    def _read_or_wait(self) -> None:
        if self._is_over:
            self._unparsed = memoryview(b"")
        if self.transport.is_closing():
            return
        if self._is_flooding and self.close_sent:
            self.transport.resume_reading()
        elif self._unparsed or self._must_wait:
            self.transport.pause_reading()
            if not self._must_wait:
                self.loop.call_soon(self._parse)
        else:
            self.transport.resume_reading()

    def _wait_if_used_up(self) -> None:
        if not self._allowance.is_used_up or self._is_over:
            return
        if self.close_sent:
            self._is_flooding = True
            return
        now = self.loop.time()
        self._pauses = self._pauses + 1 if now - self._resumed_at < CALM_SECONDS else 1
        if self._pauses > PAUSES:
            self._is_flooding = True
            event: Any = {"type": FLOODING}
            self.queue.put_nowait(event)
            return
        self._resuming = self.loop.call_later(self._allowance.seconds_until(RESUME_AT), self._resume)

    def _resume(self) -> None:
        self._resuming = None
        self._resumed_at = self.loop.time()
        self._allowance.take(0, 0)
        if not self.disconnected:
            self._parse()

    # --- Sending

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.send":
            self._allowance.grant(ANSWER_BYTES, ANSWER_FRAMES, settings.REQUESTS_IN_FLIGHT)
        elif message["type"] == "websocket.accept":
            if self._unparsed:
                self._parse()
        elif message["type"] == "websocket.close":
            self._end_if_closing()
            self._read_or_wait()
        else:
            self._end_if_closing()

    def _ping_now(self) -> None:
        if self.pending_ping_payload is None:
            if self.ping_timer is not None:
                self.ping_timer.cancel()
            self.send_keepalive_ping()

    # --- Closing

    def handle_parser_exception(self) -> None:
        """Close with the parser's code, as uvicorn does, but keep reading.

        A peer that is in the middle of a message reads the close frame only after it has sent the rest.
        """
        if self.conn.close_sent is None:
            self.transport.close()
            return
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self._link.has_failed = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._is_flooding = True
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.close)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._end_if_closing()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._end_if_closing()

    def shutdown(self) -> None:
        super().shutdown()
        self._end_if_closing()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._end_if_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._resuming, self._aborting):
            if timer is not None:
                timer.cancel()
        self._resuming = self._aborting = None
        self._unparsed = memoryview(b"")
        # Only a reachable host sends a FIN or a reset. A lost link ends by a timeout, or because we abort it.
        peer_ended_it = exc is None or isinstance(exc, ConnectionError)
        self._link.ended(has_answered=peer_ended_it and not self._was_aborted)
        super().connection_lost(exc)

    def _end_if_closing(self) -> None:
        """Abort the transport CLOSE_SECONDS after the closing began, because the peer might never close its end."""
        if self._aborting is None and (self.close_sent or self.transport.is_closing()) and not self.disconnected:
            self._aborting = self.loop.call_later(CLOSE_SECONDS, self._abort)

    def _abort(self) -> None:
        self._was_aborted = True
        self.transport.abort()
