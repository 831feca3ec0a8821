"""What an act on many outlets would do, row by row: what staff see, confirm, and have checked once more."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from integrations.exceptions import PortalError

CHUNK = 400  # keys in one query, well below SQLite's limit of variables

Item = TypeVar("Item")


class Verdict(StrEnum):
    ACT = "act"
    SKIP = "skip"
    WRONG = "wrong"


class WorldChanged(PortalError):
    message = "Something changed after this was checked, so nothing was done. Check it again, then confirm."


class RowRefused(PortalError):
    """One row cannot be done, so none was; the text names it."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What would become of one row. `integration` and `seen` say of an existing one which it is, and in what state."""

    number: int
    verdict: Verdict
    words: str
    organisation: str
    outlet: str
    pos_remote_id: str = ""
    provider_outlet_id: str = ""
    integration: int = 0
    seen: int = 0
    warning: str = field(default="", compare=False)  # for a person to look at; nothing depends on it

    def as_json(self) -> list[Any]:
        return [
            self.number, self.verdict.value, self.words, self.organisation, self.outlet, self.pos_remote_id,
            self.provider_outlet_id, self.integration, self.seen, self.warning,
        ]  # fmt: skip

    @classmethod
    def from_json(cls, values: Sequence[Any]) -> "PlannedRow":
        number, verdict, *others = values
        return cls(number, Verdict(verdict), *others)


def acting(plan: Iterable[PlannedRow]) -> list[PlannedRow]:
    return [row for row in plan if row.verdict is Verdict.ACT]


def count(plan: Iterable[PlannedRow], verdict: Verdict) -> int:
    return sum(row.verdict is verdict for row in plan)


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
