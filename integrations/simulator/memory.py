"""Remembers a till's answers: a request with a repeated RequestID is not executed again, but gets the first answer."""

from collections import deque
from collections.abc import Iterable, Mapping

CHANGES_KEPT = 1_000
READS_KEPT = 100
EXECUTED_KEPT = 10_000


class Memory:
    """The latest answers: CHANGES_KEPT answers to requests that change something, READS_KEPT answers to the others."""

    def __init__(
        self,
        *,
        changes: Mapping[str, str] | None = None,
        reads: Mapping[str, str] | None = None,
        executed: Iterable[str] = (),
    ) -> None:
        self.changes = dict(changes or {})
        self.reads = dict(reads or {})
        self.executed = deque(executed, maxlen=EXECUTED_KEPT)
        """The RequestIDs that the till executed (not those answered from memory), oldest first."""

    def find(self, request_id: str | None) -> str | None:
        """Return the text of the first answer to this RequestID, or None if it is not remembered."""
        if not request_id:
            return None
        return self.changes.get(request_id) or self.reads.get(request_id)

    def keep(self, request_id: str | None, answer: str, *, is_change: bool) -> None:
        """Remember an answer, unless the request has no ID to recognise it by."""
        if not request_id:
            return
        self.executed.append(request_id)
        if is_change:
            _remember(self.changes, request_id, answer, limit=CHANGES_KEPT)
            return
        _remember(self.reads, request_id, answer, limit=READS_KEPT)


def _remember(answers: dict[str, str], request_id: str, answer: str, *, limit: int) -> None:
    answers[request_id] = answer
    if len(answers) > limit:
        del answers[next(iter(answers))]
