"""What a till has answered, so that a repeated RequestID gets the first answer and nothing is done twice."""

from collections import deque
from collections.abc import Iterable, Mapping

CHANGES_KEPT = 1_000
READS_KEPT = 100
EXECUTED_KEPT = 10_000


class Memory:
    """Bounded: the oldest answers go first, those to questions long before those to changes."""

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
        """The RequestIDs that the till acted on (not those it answered from memory), oldest first."""

    def find(self, request_id: str | None) -> str | None:
        """The first answer, as it was written."""
        if not request_id:
            return None
        return self.changes.get(request_id) or self.reads.get(request_id)

    def keep(self, request_id: str | None, answer: str, *, is_change: bool) -> None:
        """A request without an ID cannot be recognised, and is not kept."""
        if not request_id:
            return
        self.executed.append(request_id)
        if is_change:
            _keep(self.changes, request_id, answer, limit=CHANGES_KEPT)
            return
        _keep(self.reads, request_id, answer, limit=READS_KEPT)


def _keep(answers: dict[str, str], request_id: str, answer: str, *, limit: int) -> None:
    answers[request_id] = answer
    if len(answers) > limit:
        del answers[next(iter(answers))]
