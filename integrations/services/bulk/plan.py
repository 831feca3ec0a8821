"""The plan of a bulk action, row by row: staff see and confirm it, and the portal checks it again before acting."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import connection
from django.db.models import TextChoices

from integrations.services.errors import PortalError
from integrations.services.rows.chunks import chunks

STEP = 100  # rows per transaction; other writers wait for its end
PAUSE_SECONDS = 0.12  # pause between transactions; waiting connections retry SQLite's lock every 0.1 s


class BulkAction(TextChoices):
    """The kinds of bulk action."""

    ENABLE = "enable", "Enable from a file"
    DISABLE = "disable", "Disable"
    REENABLE = "reenable", "Enable again"
    ROTATE = "rotate", "Rotate secrets"


class Verdict(StrEnum):
    ACT = "act"
    SKIP = "skip"
    WRONG = "wrong"


class RowsChanged(PortalError):
    message = "Something changed after this check. Check again, then confirm."


class RowRefused(PortalError):
    """The action cannot be carried out for one row; the message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """The plan of one row. `integration` is the key of an existing integration, and `seen` its state.

    Each rotation and each disabling changes that state, so a plan cannot be executed twice.
    """

    number: int = 0  # the number of the row in the file
    verdict: Verdict
    words: str
    organisation: str
    outlet: str
    pos_remote_id: str = ""
    provider_outlet_id: str = ""
    integration: int = 0
    seen: tuple[int, int] = (0, 0)  # the primary key of the current credential, and the integration's generation
    warning: str = field(default="", compare=False)  # for a person to read; it does not affect the action

    def as_json(self) -> list[object]:
        """Return all fields except the warning, as a list for JSON."""
        return [
            self.number, self.verdict.value, self.words, self.organisation, self.outlet, self.pos_remote_id,
            self.provider_outlet_id, self.integration, self.seen,
        ]  # fmt: skip


def acting(plan: Iterable[PlannedRow]) -> list[PlannedRow]:
    return [row for row in plan if row.verdict is Verdict.ACT]


def count(plan: Iterable[PlannedRow], verdict: Verdict) -> int:
    return sum(row.verdict is verdict for row in plan)


def steps(rows: Sequence[PlannedRow], size: int) -> Iterator[Sequence[PlannedRow]]:
    """Yield at most `size` rows for each transaction; on SQLite, pause in between so others can take the lock."""
    for number, part in enumerate(chunks(rows, size)):
        if number and connection.vendor == "sqlite":
            time.sleep(PAUSE_SECONDS)
        yield part
