"""What an action on many outlets would do, row by row: staff see it, confirm it, and it is checked once more."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import connection
from django.db.models import TextChoices

from integrations.services.errors import PortalError
from integrations.services.rows.chunks import chunks

STEP = 100  # rows written in one transaction, for which other writers wait
REST_SECONDS = 0.12  # between two steps: a connection that waits for SQLite's lock tries every tenth of a second


class BulkAction(TextChoices):
    """What is done to many outlets at once."""

    ENABLE = "enable", "Enable from a file"
    DISABLE = "disable", "Disable"
    REENABLE = "reenable", "Enable again"
    ROTATE = "rotate", "Rotate secrets"


class Verdict(StrEnum):
    ACT = "act"
    SKIP = "skip"
    WRONG = "wrong"


class RowsChanged(PortalError):
    message = "Something changed after this was checked. Check it again, then confirm."


class RowRefused(PortalError):
    """One row cannot be done; the text names it."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What would happen to one row. `integration` is the key of an existing integration, and `seen` its state.

    `seen` changes with each rotation and each disabling, so that a plan is never carried out a second time.
    """

    number: int
    verdict: Verdict
    words: str
    organisation: str
    outlet: str
    pos_remote_id: str = ""
    provider_outlet_id: str = ""
    integration: int = 0
    seen: tuple[int, int] = (0, 0)  # its current credential and its generation
    warning: str = field(default="", compare=False)  # for a person to look at; nothing depends on it

    def as_json(self) -> list[object]:
        """Return everything but the warning."""
        return [
            self.number, self.verdict.value, self.words, self.organisation, self.outlet, self.pos_remote_id,
            self.provider_outlet_id, self.integration, self.seen,
        ]  # fmt: skip


def acting(plan: Iterable[PlannedRow]) -> list[PlannedRow]:
    return [row for row in plan if row.verdict is Verdict.ACT]


def count(plan: Iterable[PlannedRow], verdict: Verdict) -> int:
    return sum(row.verdict is verdict for row in plan)


def steps(rows: Sequence[PlannedRow], size: int) -> Iterator[Sequence[PlannedRow]]:
    """Yield the rows to write in one transaction each, and let other writers have the lock in between."""
    for number, part in enumerate(chunks(rows, size)):
        if number and connection.vendor == "sqlite":
            time.sleep(REST_SECONDS)
        yield part
