"""Joins writes of several kinds. All writes that arrive while a transaction runs share the next transaction.

Separate transactions would wait for each other. SQLite has one writer at a time, and a thread that finds the database
locked sleeps for milliseconds before it tries again. Every commit also waits for the disk.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

from integrations.services.futures import error_of
from integrations.services.rows.threads import (
    CallQueue,
    DatabaseThreads,
    DatabaseUnresponsive,
    while_responsive,
    writers,
)

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

DEADLOCK = "40P01"

Write = Callable[[list[Any]], Mapping[Any, Any]]


class SharedWrites(CallQueue[tuple[Write, Any], Any]):
    """Runs the writes of one process. Use it on the event loop only.

    An error of one kind of write does not affect the others, because all kinds then run again in separate transactions.
    If the database is unavailable, all writes of the transaction get the database's error. If the database is
    unresponsive, all waiting writes get DatabaseUnresponsive.
    """

    def __init__(self, threads: DatabaseThreads = writers) -> None:
        super().__init__()
        self._threads = threads

    def kind(self, write: Callable[[list[Key]], Mapping[Key, Found]]) -> "SharedWrite[Key, Found]":
        """Return a SharedWrite for `write`, which gets the distinct keys of all calls in a transaction."""
        return SharedWrite(self, write)

    async def _results(self, keys: list[tuple[Write, Any]]) -> Mapping[tuple[Write, Any], Any]:
        shared = _Transaction(keys)
        done = self._threads.start(shared.run)
        try:
            return await while_responsive(done)
        except DatabaseUnresponsive:
            shared.is_abandoned = True
            done.add_done_callback(error_of)
            raise


class SharedWrite(Generic[Key, Found]):
    """One kind of write."""

    def __init__(self, shared: SharedWrites, write: Callable[[list[Key]], Mapping[Key, Found]]) -> None:
        self._shared = shared
        self._query = write

    def find(self, key: Key) -> Awaitable[Found | None]:
        """Return the write's result for `key` after the commit, or None. Raises the write's errors."""
        return self._shared.find((self._query, key))


class _Transaction:
    """Runs several kinds of writes in one transaction, in a database thread.

    If `is_abandoned` is set, the callers have got an error, so the transaction is rolled back unless its commit has
    begun.
    """

    def __init__(self, keys: Sequence[tuple[Write, Any]]) -> None:
        self._keys: dict[Write, list[Any]] = {}
        for write, key in keys:
            self._keys.setdefault(write, []).append(key)
        self.is_abandoned = False

    def run(self) -> Mapping[tuple[Write, Any], Any]:
        """Return the result of each write and key, or the error that the write raised.

        Raises an error that affects all writes of the transaction.
        """
        return {
            (write, key): found if isinstance(found, Exception) else found.get(key)
            for (write, keys), found in zip(self._keys.items(), self._found(), strict=True)
            for key in keys
        }

    def _found(self) -> Sequence[Mapping[Any, Any] | Exception]:
        try:
            with transaction.atomic():
                return [self._run(write) for write in self._keys]
        except Exception as error:
            if len(self._keys) == 1 or not _is_of_one(error):
                raise
        return [self._run_alone(write) for write in self._keys]

    def _run_alone(self, write: Write) -> Mapping[Any, Any] | Exception:
        try:
            with transaction.atomic():
                return self._run(write)
        except Exception as error:  # noqa: BLE001  (it is the callers' to handle)
            connection.close()  # the next kind must not use a broken connection
            return error

    def _run(self, write: Write) -> Mapping[Any, Any]:
        self._check_not_abandoned()
        found = write(self._keys[write])
        self._check_not_abandoned()
        return found

    def _check_not_abandoned(self) -> None:
        if self.is_abandoned:
            raise DatabaseUnresponsive


def _is_of_one(error: Exception) -> bool:
    """Return whether the error affects only one kind of write, so the others in the transaction could succeed."""
    if isinstance(error, OperationalError):
        return getattr(error.__cause__, "sqlstate", None) == DEADLOCK
    return not isinstance(error, InterfaceError)
