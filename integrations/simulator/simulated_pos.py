"""The POS's connection to the portal: gets a token, keeps one websocket open, answers, and reconnects after a loss."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx2
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus, WebSocketException

from integrations.simulator import till_messages
from integrations.simulator.answering import Answering
from integrations.simulator.backoff import LONGEST_CEILING, BackOff
from integrations.simulator.credentials import Credentials
from integrations.simulator.desk import Desk
from integrations.simulator.dialling import dial, http_client, retry_after_seconds
from integrations.simulator.example import example_till
from integrations.simulator.journal import NO_CLOSE_FRAME, Closure, Journal, Refusal
from integrations.simulator.misbehaviour import Behaviour, Plan
from integrations.simulator.till import Till

STEADY_SECONDS = 5.0
AUTH = "auth endpoint"
WEBSOCKET = "websocket"
REFUSED = (200, 401, 403)  # a portal can be configured to refuse with 200
Renew = Callable[[Credentials], Credentials]


class RefusedError(Exception):
    """The attempt to connect failed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The clocks and the random source, which tests replace. All durations are in seconds.

    The pause after the n-th failed attempt in a row is random: up to 2^(n-1) s, but at most `longest_pause`. The
    server's Retry-After is added.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    longest_pause: float = LONGEST_CEILING


class SimulatedPos:
    """The POS of one outlet. Use `async with SimulatedPos(credentials) as pos:` or `await pos.run()`.

    With `till_file`, the till is loaded from that file, and saved to it after each request. If the file does not exist
    yet, the POS starts with `till`. If the file is unusable, OSError or WrongTillError is raised. `message_numbers`
    maps methods to MessageTypes that differ from the defaults; if it is invalid, WrongNumbersError is raised. `http` is
    a shared client, which is not closed here. When the portal refuses the credentials, `renew` is called with the
    refused credentials and returns the current ones.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        till: Till | None = None,
        say: Callable[[str], None] | None = None,
        timing: Timing | None = None,
        once: bool = False,
        plan: Plan | None = None,
        till_file: Path | None = None,
        message_numbers: Mapping[str, int] | None = None,
        http: httpx2.AsyncClient | None = None,
        renew: Renew | None = None,
    ) -> None:
        self.credentials = credentials
        self._renew = renew
        self._desk = Desk(till or example_till(), till_file=till_file, message_numbers=message_numbers)
        self._behaviour = Behaviour(plan or Plan(), name=credentials.provider_outlet_id)
        self._http = http
        self.journal = Journal(say=say)
        self._timing = timing or Timing()
        self._back_off = BackOff(self._timing.uniform, longest=self._timing.longest_pause)
        self._once = once
        self.journal.hide(credentials.auth_secret)
        self._task: asyncio.Task[None] | None = None

    @property
    def till(self) -> Till:
        return self._desk.till

    @property
    def is_connected(self) -> bool:
        return self.journal.is_connected

    @property
    def refusals(self) -> list[Refusal]:
        return self.journal.refusals

    @property
    def closures(self) -> list[Closure]:
        return self.journal.closures

    async def run(self) -> None:
        """Run until cancelled, then close with code 1000. With `once`, the first refusal raises RefusedError."""
        async with self._http_client() as http:
            while True:
                retry_after = await self._attempt(http)
                await self._pause(retry_after)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Start `run` as a task of the running loop. Nothing has been sent yet when this returns."""
        self._task = asyncio.create_task(self.run())
        self._task.add_done_callback(lambda _task: self.journal.note_end())

    async def stop(self) -> None:
        """Close with code 1000 and wait until `run` has ended. Raises any error of `run` except RefusedError."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, RefusedError):
            await self._task

    async def wait_for_connections(self, count: int = 1, *, limit: float = 10.0) -> None:
        """Wait until `count` connections have been opened since the start. Connections that have ended count too."""
        await self.wait_until(lambda: self.journal.connections >= count, limit=limit)

    async def wait_for_closures(self, count: int = 1, *, limit: float = 10.0) -> Closure:
        """Wait for the `count`-th closure since the start, and return it, even if the POS has reconnected since."""
        await self.wait_until(lambda: len(self.closures) >= count, limit=limit)
        return self.closures[count - 1]

    async def wait_for_refusals(self, count: int = 1, *, limit: float = 10.0) -> Refusal:
        """Wait for the `count`-th refusal since the start, and return it."""
        await self.wait_until(lambda: len(self.refusals) >= count, limit=limit)
        return self.refusals[count - 1]

    async def wait_until(self, condition: Callable[[], bool], *, limit: float = 10.0) -> None:
        """Check `condition` after each event until it is true. Raises TimeoutError, or RuntimeError if the POS ends."""
        await self.journal.wait_until(condition, limit=limit)

    async def _attempt(self, http: httpx2.AsyncClient) -> float:
        """Get one token and serve one connection to its end. Return the server's Retry-After in seconds."""
        try:
            await self._connect_and_serve(http)
        except RefusedError as error:
            self.journal.note_refusal(error.refusal)
            if self._once:
                raise
            self._renew_credentials(error.refusal)
            return error.refusal.retry_after
        return 0.0

    def _renew_credentials(self, refusal: Refusal) -> None:
        if self._renew is None or refusal.stage != AUTH or refusal.status not in REFUSED:
            return
        found = self._renew(self.credentials)
        if found != self.credentials:
            self.journal.hide(found.auth_secret)
            self.journal.say("the credentials have changed: trying the new ones")
            self.credentials = found
            self._back_off.reset()

    async def _pause(self, retry_after: float) -> None:
        seconds = self._back_off.next_pause(at_least=retry_after)
        self.journal.say(f"next attempt in {seconds:.1f} s")
        await self._timing.sleep(seconds)

    async def _connect_and_serve(self, http: httpx2.AsyncClient) -> None:
        token = await self._ask_for_token(http)
        connection = await self._dial(token)
        opened = self._timing.monotonic()
        try:
            self.journal.note_connection(self.credentials.websocket_url)
            await self._answering(connection).serve()
        finally:
            await _close(connection)
            self._note_closure(connection, lasted=self._timing.monotonic() - opened)

    async def _ask_for_token(self, http: httpx2.AsyncClient) -> str:
        """Return a token. Check the body too, because a portal can be configured to refuse with status 200."""
        self.journal.say(f"requesting a token from {self.credentials.auth_url}")
        response = await self._post_credentials(http)
        token = till_messages.find_access_token(response.content)
        if response.status_code != httpx2.codes.OK or token is None:
            retry_after = response.headers.get("Retry-After")
            raise self._refused_error(AUTH, response.status_code, response.content, retry_after)
        self.journal.hide(self.credentials.auth_secret, token, quote(token, safe=""))
        return token

    async def _post_credentials(self, http: httpx2.AsyncClient) -> httpx2.Response:
        body = till_messages.auth_request(
            provider_outlet_id=self.credentials.provider_outlet_id,
            pos_remote_id=self.credentials.pos_remote_id,
            auth_secret=self.credentials.auth_secret,
        )
        try:
            return await http.post(self.credentials.auth_url, json=body)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise self._unanswered(AUTH, error) from None

    async def _dial(self, token: str) -> ClientConnection:
        try:
            return await dial(self.credentials.websocket_url, token)
        except InvalidStatus as error:
            answer = error.response
            retry_after = answer.headers.get("Retry-After")
            raise self._refused_error(WEBSOCKET, answer.status_code, bytes(answer.body), retry_after) from None
        except (WebSocketException, OSError, ValueError) as error:
            raise self._unanswered(WEBSOCKET, error) from None

    def _answering(self, connection: ClientConnection) -> Answering:
        return Answering(
            connection,
            desk=self._desk,
            behaviour=self._behaviour,
            journal=self.journal,
            sleep=self._timing.sleep,
        )

    def _http_client(self) -> contextlib.AbstractAsyncContextManager[httpx2.AsyncClient]:
        if self._http is not None:
            return contextlib.nullcontext(self._http)
        return http_client(self.credentials.auth_url)

    def _note_closure(self, connection: ClientConnection, *, lasted: float) -> None:
        if lasted >= STEADY_SECONDS:
            self._back_off.reset()
        self.journal.note_closure(self._closure_of(connection, lasted=lasted))

    def _closure_of(self, connection: ClientConnection, *, lasted: float) -> Closure:
        protocol = connection.protocol
        frame = protocol.close_rcvd or protocol.close_sent
        return Closure(
            code=frame.code if frame else NO_CLOSE_FRAME,
            reason=self.journal.plain(frame.reason) if frame else "",
            by_us=protocol.close_sent is not None and not protocol.close_rcvd_then_sent,
            lasted=lasted,
        )

    def _refused_error(self, stage: str, status: int, body: bytes, retry_after: str | None) -> RefusedError:
        text = till_messages.find_error_message(body) or "no ErrorMessage in the answer"
        message = self.journal.plain(text)
        seconds = retry_after_seconds(retry_after, now=self._timing.now())
        return RefusedError(Refusal(stage=stage, status=status, message=message, retry_after=seconds))

    def _unanswered(self, stage: str, error: Exception) -> RefusedError:
        message = self.journal.plain(str(error) or type(error).__name__)
        return RefusedError(Refusal(stage=stage, status=None, message=message))


async def _close(connection: ClientConnection) -> None:
    """Close a connection. If the task is cancelled before the portal confirms the close, abort the connection."""
    try:
        await connection.close()
    finally:
        connection.transport.abort()
