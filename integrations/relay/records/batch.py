"""Collects a process's records until they are written, and defines the base class of all kinds of records."""

import time
import uuid
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeVar

from integrations.relay.sockets.registry import Live


@dataclass
class Writing:
    """The state of one write of a batch: the process that writes it, and the connections found to be replaced."""

    process_id: uuid.UUID
    losers: list[Live] = field(default_factory=list)


class BatchRecord:
    """Something to store. Each kind of record is a subclass, which also writes its records.

    While the database is unavailable, at most `most` records of a kind are kept. Beyond that, the oldest are dropped.
    If `is_loss_reported`, the number of dropped records is logged.
    """

    __slots__ = ()
    most: ClassVar[int | None] = None
    is_loss_reported: ClassVar[bool] = False

    @property
    def key(self) -> Hashable:
        """The key of the record. A newer record with the same key replaces it. By default, all records are kept."""
        return id(self)

    @classmethod
    def write(cls, records: Sequence[Self], writing: Writing) -> None:
        """Write these records, which are at most a few hundred. Runs in a database thread."""
        raise NotImplementedError


Kind = TypeVar("Kind", bound=BatchRecord)


class Batch:
    """The records to write in one transaction."""

    def __init__(self, *records: BatchRecord) -> None:
        self._records: dict[type[BatchRecord], OrderedDict[Hashable, BatchRecord]] = {}
        self.refused = 0  # how often the database rejected the whole batch
        self.since = time.monotonic()
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return sum(map(len, self._records.values()))

    def __iter__(self) -> Iterator[BatchRecord]:
        return (record for records in self._records.values() for record in records.values())

    def add(self, record: BatchRecord) -> bool:
        """Add a record. Return whether this dropped an older record whose loss is reported."""
        kind = type(record)
        records = self._records.setdefault(kind, OrderedDict())
        records[record.key] = record
        if kind.most is None or len(records) <= kind.most:
            return False
        records.popitem(last=False)
        return kind.is_loss_reported

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the records of this kind, the oldest first."""
        return [record for record in self._records.get(kind, {}).values() if isinstance(record, kind)]

    def kinds(self) -> list[type[BatchRecord]]:
        """Return the kinds that have records, always in the same order, which avoids deadlocks."""
        return sorted(self._records, key=lambda kind: kind.__name__)
