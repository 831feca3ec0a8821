"""Where requests meet the till: answered from memory, or executed once and saved before the answer leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.simulator import answers, messages
from integrations.simulator.message_numbers import names_by_number
from integrations.simulator.till import Till
from integrations.simulator.till_file import TillFile


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes onto the wire for a request. `answer` is None when it is the first answer again."""

    request: messages.Request
    text: str
    answer: messages.Answer | None = field(repr=False)


class Desk:
    """Raises OSError and WrongTillError for a till file that cannot be used, WrongNumbersError for the numbers."""

    def __init__(
        self, till: Till, *, till_file: Path | None = None, message_numbers: Mapping[str, int] | None = None
    ) -> None:
        self._file = TillFile(till_file) if till_file else None
        self._names = names_by_number(message_numbers)
        self.till = self._file.open(till) if self._file else till

    def read(self, frame: str | bytes) -> messages.Request:
        """Raises NotARequestError."""
        return messages.read_request(frame, self._names)

    def reply(self, request: messages.Request) -> Reply:
        """The same RequestID gets the same text, whatever else it asks. Raises OSError when saving fails."""
        remembered = self.till.memory.find(request.request_id)
        if remembered is not None:
            return Reply(request=request, text=remembered, answer=None)
        return self._executed(request)

    def _executed(self, request: messages.Request) -> Reply:
        answer = answers.answer(self.till, request)
        text = messages.write_answer(request, answer)
        is_change = request.name in answers.CHANGING_METHODS
        self.till.memory.keep(request.request_id, text, is_change=is_change)
        if self._file:
            self._file.save(self.till)
        return Reply(request=request, text=text, answer=answer)
