"""Transient requests, which are recorded when they have ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from integrations.relay.records.batch import BatchRecord, Writing
from integrations.services.requests.request_types import Ending, NewRequest
from integrations.services.requests.storing import record_transient

TRANSIENT_KEPT = 20_000


@dataclass(slots=True, eq=False)
class TransientEnded(BatchRecord):
    """A transient request and its end."""

    most: ClassVar[int | None] = TRANSIENT_KEPT

    new: NewRequest
    ending: Ending

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        record_transient([(each.new, each.ending) for each in records])
