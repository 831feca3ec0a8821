"""Answers requests from memory, or executes them once and saves the till before the answer is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.simulator import till_messages, till_methods
from integrations.simulator.message_numbers import names_by_number
from integrations.simulator.till import Till
from integrations.simulator.till_file import TillFile


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The text to send for a request. `answer` is None if the text repeats an earlier answer."""

    request: till_messages.TillRequest
    text: str
    answer: till_messages.TillAnswer | None = field(repr=False)


class Desk:
    """The till with its memory and its file.

    Raises OSError and WrongTillError for an unusable till file, and WrongNumbersError for invalid numbers.
    """

    def __init__(
        self, till: Till, *, till_file: Path | None = None, message_numbers: Mapping[str, int] | None = None
    ) -> None:
        self._file = TillFile(till_file) if till_file else None
        self._names = names_by_number(message_numbers)
        self.till = self._file.open(till) if self._file else till

    def read(self, frame: str | bytes) -> till_messages.TillRequest:
        """Parse a frame. Raises NotARequestError."""
        return till_messages.read_request(frame, self._names)

    def reply(self, request: till_messages.TillRequest) -> Reply:
        """Return the reply. A repeated RequestID gets its first reply, even if the request differs. Raises OSError."""
        remembered = self.till.memory.find(request.request_id)
        if remembered is not None:
            return Reply(request=request, text=remembered, answer=None)
        return self._executed(request)

    def _executed(self, request: till_messages.TillRequest) -> Reply:
        answer = till_methods.answer(self.till, request)
        text = till_messages.write_answer(request, answer)
        is_change = request.name in till_methods.CHANGING_METHODS
        self.till.memory.keep(request.request_id, text, is_change=is_change)
        if self._file:
            self._file.save(self.till)
        return Reply(request=request, text=text, answer=answer)
