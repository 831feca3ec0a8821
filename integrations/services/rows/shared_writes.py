"""Writes of several kinds in one transaction: those that arrive while it is committed share the next one.

Separate transactions would wait for each other: SQLite has one writer at a time, and a thread that finds the database
locked sleeps for milliseconds before it tries again. Every commit also waits for the disk.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

from integrations.services.futures import error_of, fail, succeed
from integrations.services.rows.threads import (
    BATCH,
    DatabaseThreads,
    DatabaseUnresponsive,
    while_responsive,
    writers,
)

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

DEADLOCK = "40P01"

Write = Callable[[list[Any]], Mapping[Any, Any]]
Outcome = Mapping[Any, Any] | Exception


class SharedWrites:
    """Runs the writes of one process. Use it on the event loop only.

    An error of one kind of write does not affect the others: they then run again, each kind in its own transaction. If
    the database is unavailable, all writes of the transaction get its error. If it is unresponsive, all waiting writes
    get DatabaseUnresponsive.
    """

    def __init__(self, threads: DatabaseThreads = writers) -> None:
        self._threads = threads
        self._waiting: deque[tuple[Write, Any, asyncio.Future[Any]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def kind(self, write: Callable[[list[Key]], Mapping[Key, Found]]) -> "SharedWrite[Key, Found]":
        """Return the writes that call `write`, which gets distinct keys, and runs in a transaction."""
        return SharedWrite(self, write)

    def add(self, write: Write, key: Any) -> asyncio.Future[Any]:
        """Write `key` in the next transaction."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, key, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return future

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next())
        finally:
            self._task = None

    def _next(self) -> dict[Write, dict[Any, list[asyncio.Future[Any]]]]:
        """Return the oldest writes, by kind."""
        batch: dict[Write, dict[Any, list[asyncio.Future[Any]]]] = {}
        for _ in range(min(BATCH, len(self._waiting))):
            write, key, future = self._waiting.popleft()
            batch.setdefault(write, {}).setdefault(key, []).append(future)
        return batch

    async def _write(self, batch: Mapping[Write, Mapping[Any, Sequence[asyncio.Future[Any]]]]) -> None:
        shared = _Transaction([partial(write, list(keys)) for write, keys in batch.items()])
        done = self._threads.start(shared.run)
        try:
            outcomes = await while_responsive(done)
        except DatabaseUnresponsive as error:
            shared.is_abandoned = True
            done.add_done_callback(error_of)
            self._fail_waiting(error)  # they would wait for the same database, one after the other
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001  (it is the callers' to handle)
            outcomes = [error] * len(batch)
        for outcome, keys in zip(outcomes, batch.values(), strict=True):
            for key, futures in keys.items():
                _finish(futures, key, outcome)

    def _fail_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, key, future in waiting:
            _finish([future], key, error)


class SharedWrite(Generic[Key, Found]):
    """One kind of write."""

    def __init__(self, shared: SharedWrites, write: Callable[[list[Key]], Mapping[Key, Found]]) -> None:
        self._shared = shared
        self._query = write

    def find(self, key: Key) -> Awaitable[Found | None]:
        """Return the write's result for `key` after the commit, or None. Raises the write's errors."""
        return self._shared.add(self._query, key)


class _Transaction:
    """Runs several kinds of writes in one transaction, in a database thread.

    If `is_abandoned` is set, the callers have got an error, so it is rolled back, unless its commit has begun.
    """

    def __init__(self, writes: Sequence[Callable[[], Mapping[Any, Any]]]) -> None:
        self._writes = writes
        self.is_abandoned = False

    def run(self) -> Sequence[Outcome]:
        """Return the outcome of each kind of write. Raises an error that affects all of them."""
        try:
            with transaction.atomic():
                return [self._run(write) for write in self._writes]
        except Exception as error:
            if len(self._writes) == 1 or not _is_of_one(error):
                raise
        return [self._run_alone(write) for write in self._writes]

    def _run_alone(self, write: Callable[[], Mapping[Any, Any]]) -> Outcome:
        try:
            with transaction.atomic():
                return self._run(write)
        except Exception as error:  # noqa: BLE001  (it is the callers' to handle)
            connection.close()  # the next kind must not use a broken connection
            return error

    def _run(self, write: Callable[[], Mapping[Any, Any]]) -> Mapping[Any, Any]:
        self._check()
        outcome = write()
        self._check()
        return outcome

    def _check(self) -> None:
        if self.is_abandoned:
            raise DatabaseUnresponsive


def _is_of_one(error: Exception) -> bool:
    """Return whether other writes of the transaction could succeed: it is not an error of the whole database."""
    if isinstance(error, OperationalError):
        return getattr(error.__cause__, "sqlstate", None) == DEADLOCK
    return not isinstance(error, InterfaceError)


def _finish(futures: Sequence[asyncio.Future[Any]], key: Any, outcome: Outcome) -> None:
    for future in futures:
        if isinstance(outcome, Exception):
            fail(future, outcome)
        else:
            succeed(future, outcome.get(key))
