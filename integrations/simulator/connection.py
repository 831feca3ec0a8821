"""The POS's side of the line: ask for a token, keep one websocket open, answer, come back after a loss."""

import asyncio
import contextlib
import ipaddress
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from integrations.simulator import answers, wire
from integrations.simulator.backoff import BackOff
from integrations.simulator.credentials import Credentials
from integrations.simulator.journal import NO_CLOSE_FRAME, Closure, Journal, Refusal
from integrations.simulator.till import Till, example_till

STEADY_SECONDS = 5.0
ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 3.0
LONGEST_RETRY_AFTER = 3600.0
AUTH = "auth endpoint"
WEBSOCKET = "websocket"
USER_AGENT = "PowerEPOS-simulator"

# The websocket library logs the request line, token and all, at DEBUG.
_quiet_logger = logging.getLogger("integrations.simulator.websocket")
_quiet_logger.setLevel(logging.WARNING)


class RefusedError(Exception):
    """An attempt led to no connection."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Everything about time and chance, so that a test needs none of either. Seconds throughout."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class SimulatedPos:
    """One outlet's POS. Use `async with SimulatedPos(credentials) as pos:`, or `await pos.run()`."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        till: Till | None = None,
        say: Callable[[str], None] | None = None,
        timing: Timing | None = None,
        once: bool = False,
    ) -> None:
        self.credentials = credentials
        self.till = till or example_till()
        self.journal = Journal(say=say)
        self._timing = timing or Timing()
        self._back_off = BackOff(self._timing.uniform)
        self._once = once
        self.journal.hide(credentials.auth_secret)
        self._task: asyncio.Task[None] | None = None

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
        """Until cancelled, which closes with 1000; with `once` the first refusal raises RefusedError."""
        async with _http_client(self.credentials.auth_url) as http:
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
        """Begins `run` in the background of the running loop; nothing has been sent yet when it returns."""
        self._task = asyncio.create_task(self.run())
        self._task.add_done_callback(lambda _task: self.journal.note_end())

    async def stop(self) -> None:
        """Closes with 1000 and waits for it. An error of `run` other than RefusedError is raised here."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, RefusedError):
            await self._task

    async def wait_for_connections(self, count: int = 1, *, limit: float = 10.0) -> None:
        """Until that many were opened since the start, whether or not the last is still open."""
        await self.wait_until(lambda: self.journal.connections >= count, limit=limit)

    async def wait_for_closures(self, count: int = 1, *, limit: float = 10.0) -> Closure:
        """The count-th since the start, so that a quick reconnect cannot hide it."""
        await self.wait_until(lambda: len(self.closures) >= count, limit=limit)
        return self.closures[count - 1]

    async def wait_for_refusals(self, count: int = 1, *, limit: float = 10.0) -> Refusal:
        """The count-th since the start."""
        await self.wait_until(lambda: len(self.refusals) >= count, limit=limit)
        return self.refusals[count - 1]

    async def wait_until(self, condition: Callable[[], bool], *, limit: float = 10.0) -> None:
        """Asks again after each event. Raises TimeoutError, or RuntimeError when the POS has ended."""
        await self.journal.wait_until(condition, limit=limit)

    async def _attempt(self, http: httpx2.AsyncClient) -> float:
        """One token, one connection, to its end. Returns how many seconds the server asked to wait."""
        try:
            await self._connect_and_serve(http)
        except RefusedError as error:
            self.journal.note_refusal(error.refusal)
            if self._once:
                raise
            return error.refusal.retry_after
        return 0.0

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
            await self._answer_frames(connection)
        finally:
            await connection.close()
            self._note_closure(connection, lasted=self._timing.monotonic() - opened)

    async def _ask_for_token(self, http: httpx2.AsyncClient) -> str:
        """The body decides, not only the status: a portal may be set to refuse with 200."""
        self.journal.say(f"asking {self.credentials.auth_url} for a token")
        response = await self._post_credentials(http)
        token = wire.find_access_token(response.content)
        if response.status_code != httpx2.codes.OK or token is None:
            retry_after = response.headers.get("Retry-After")
            raise self._refused(AUTH, response.status_code, response.content, retry_after)
        self.journal.hide(self.credentials.auth_secret, token, quote(token, safe=""))
        return token

    async def _post_credentials(self, http: httpx2.AsyncClient) -> httpx2.Response:
        body = wire.auth_request(
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
            return await _dialling(self.credentials.websocket_url, token)
        except InvalidStatus as error:
            answer = error.response
            retry_after = answer.headers.get("Retry-After")
            raise self._refused(WEBSOCKET, answer.status_code, bytes(answer.body), retry_after) from None
        except (WebSocketException, OSError, ValueError) as error:
            raise self._unanswered(WEBSOCKET, error) from None

    async def _answer_frames(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in connection:
                await self._answer_frame(connection, frame)

    async def _answer_frame(self, connection: ClientConnection, frame: str | bytes) -> None:
        try:
            request = wire.read_request(frame)
        except wire.NotARequestError as error:
            self.journal.note_ignored_frame(error)
            return
        answer = answers.answer(self.till, request)
        await connection.send(wire.write_answer(request, answer))
        self.journal.note_answer(request, answer)

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

    def _refused(self, stage: str, status: int, body: bytes, retry_after: str | None) -> RefusedError:
        text = wire.find_error_message(body) or "no ErrorMessage in the answer"
        message = self.journal.plain(text)
        seconds = retry_after_seconds(retry_after, now=self._timing.now())
        return RefusedError(Refusal(stage=stage, status=status, message=message, retry_after=seconds))

    def _unanswered(self, stage: str, error: Exception) -> RefusedError:
        message = self.journal.plain(str(error) or type(error).__name__)
        return RefusedError(Refusal(stage=stage, status=None, message=message))


def retry_after_seconds(value: str | None, *, now: datetime) -> float:
    """Reads seconds or an HTTP date, at most an hour; what cannot be read counts as none."""
    if not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class _Dial(connect):
    """A redirect is a refusal: the token is not to be carried anywhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _dialling(url: str, token: str) -> _Dial:
    return _Dial(
        f"{url}?{urlencode({'token': token})}",
        compression=None,
        user_agent_header=USER_AGENT,
        proxy=None if _is_loopback(url) else True,
        open_timeout=ANSWER_SECONDS,
        close_timeout=CLOSE_SECONDS,
        logger=_quiet_logger,
    )


def _http_client(url: str) -> httpx2.AsyncClient:
    """Keeps no connection: attempts are far apart, and a server that restarted has cut the old one."""
    return httpx2.AsyncClient(
        timeout=ANSWER_SECONDS,
        limits=httpx2.Limits(max_keepalive_connections=0),
        headers={"User-Agent": USER_AGENT},
        trust_env=not _is_loopback(url),
    )


def _is_loopback(url: str) -> bool:
    """A proxy from the environment must not stand between this machine and itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
