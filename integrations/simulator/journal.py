"""Records the events of a simulated POS: counts them, prints them as lines, and lets callers wait for them."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from integrations.simulator import till_messages
from integrations.simulator.desk import Reply
from integrations.simulator.misbehaviour import Fault

NO_CLOSE_FRAME = 1006
LONGEST_TEXT = 200
SHORTEST_HIDDEN = 6


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A failed attempt to connect. `status` is None without an HTTP answer; `retry_after` is in seconds."""

    stage: str
    status: int | None
    message: str
    retry_after: float = 0.0

    def __str__(self) -> str:
        if self.status is None:
            return f"no answer from the {self.stage}: {self.message}"
        return f"refused by the {self.stage} (HTTP {self.status}): {self.message}"


@dataclass(frozen=True, kw_only=True)
class Closure:
    """The end of a connection. Code 1006 means that there was no close frame. `lasted` is in seconds."""

    code: int
    reason: str
    by_us: bool
    lasted: float

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        if self.code == NO_CLOSE_FRAME:
            return f"connection lost without a close frame{reason}"
        return f"connection closed by {'us' if self.by_us else 'the portal'}, code {self.code}{reason}"


class Journal:
    """All refusals and closures since the start, and the latest 100 lines of the POS's log.

    Pass external texts through `plain` before you record them.
    """

    def __init__(self, *, say: Callable[[str], None] | None = None) -> None:
        self.is_connected = False
        self.connections = 0
        self.answers = 0
        self.executions = 0
        self.faults: Counter[Fault] = Counter()
        self.ignored_frames = 0
        self.refusals: list[Refusal] = []
        self.closures: list[Closure] = []
        self.lines: deque[str] = deque(maxlen=100)
        self._say_aloud = say
        self._hidden: frozenset[str] = frozenset()
        self._has_ended = False
        self._changed = asyncio.Event()

    async def wait_until(self, condition: Callable[[], bool], *, limit: float = 10.0) -> None:
        """Check `condition` after each event until it is true.

        Raises TimeoutError after `limit` seconds and RuntimeError if the POS ends, both with the latest lines.
        """
        try:
            async with asyncio.timeout(limit):
                await self._wait_for_changes_until(condition)
        except TimeoutError:
            raise TimeoutError(self._story(f"Not within {limit} s.")) from None

    def hide(self, *secrets: str) -> None:
        """Make `plain` hide these secrets from now on, and no others.

        Very short secrets are not hidden. They also occur inside ordinary words, where "[hidden]" would reveal them.
        """
        self._hidden = frozenset(secret for secret in secrets if len(secret) >= SHORTEST_HIDDEN)

    def plain(self, text: str) -> str:
        """Return an external text as one short printable line, with "[hidden]" in place of each secret."""
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        text = "".join(character if character.isprintable() else " " for character in text)
        return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."

    def say(self, line: str) -> None:
        self.lines.append(line)
        if self._say_aloud is not None:
            self._say_aloud(line)
        self._wake_waiters()

    def note_connection(self, url: str) -> None:
        self.is_connected = True
        self.connections += 1
        self.say(f"connected to {url}")

    def note_closure(self, closure: Closure) -> None:
        self.is_connected = False
        self.closures.append(closure)
        self.say(str(closure))

    def note_refusal(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self.say(str(refusal))

    def note_fault(self, request: till_messages.TillRequest, fault: Fault) -> None:
        self.faults[fault] += 1
        self.say(self.plain(f"misbehaving ({fault}) with {_asked(request)}"))

    def note_execution(self, reply: Reply) -> None:
        """Count an execution, unless the reply came from memory."""
        if reply.answer is not None:
            self.executions += 1
        self._wake_waiters()

    def note_answer(self, request: till_messages.TillRequest, answer: till_messages.TillAnswer | None) -> None:
        """Record an answer that was sent; `answer` is None for a repeated answer."""
        self.answers += 1
        if answer is None:
            self.say(self.plain(f"answered {_asked(request)} again with the first answer"))
            return
        error = f": {answer.error_message}" if answer.error_message else ""
        self.say(self.plain(f"answered {_asked(request)} with ResultCode {answer.result_code}{error}"))

    def note_ignored_frame(self, error: till_messages.NotARequestError) -> None:
        self.ignored_frames += 1
        self.say(f"ignored a frame: {error}")

    def note_end(self) -> None:
        self._has_ended = True
        self._wake_waiters()

    async def _wait_for_changes_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._has_ended:
                raise RuntimeError(self._story("The simulated POS has ended."))
            await self._changed.wait()

    def _wake_waiters(self) -> None:
        """Wake all current waiters; later ones wait for the next event."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _story(self, beginning: str) -> str:
        return "\n".join([beginning, "What the simulated POS said:", *self.lines])


def _asked(request: till_messages.TillRequest) -> str:
    return f"{request.name} (RequestID {request.request_id})"
