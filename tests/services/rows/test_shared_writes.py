"""Writes of several kinds share a transaction. A failed write or a cancelled caller does not affect the others."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from integrations.models import SharedEntry
from integrations.services.rows import shared_writes, threads
from integrations.services.rows.shared_writes import SharedWrites
from integrations.services.rows.threads import DatabaseThreads, DatabaseUnresponsive
from tests.support.in_process import InProcess, until


def insert(keys: Sequence[str]) -> dict[str, bool]:
    for key in keys:
        SharedEntry.objects.create(key=key, value=1)
    return dict.fromkeys(keys, True)


def insert_otherwise(keys: Sequence[str]) -> dict[str, bool]:
    return insert(keys)


def failing(error: Exception) -> Any:
    """Return a write that stores its keys, and then fails."""

    def write(keys: Sequence[str]) -> dict[str, bool]:
        insert(keys)
        raise error

    return write


async def stored() -> set[str]:
    return {entry.key async for entry in SharedEntry.objects.all()}


def after(goes_on: threading.Event) -> Any:
    """Return a write that stores its keys as soon as the event is set."""

    def write(keys: Sequence[str]) -> dict[str, bool]:
        goes_on.wait(10)
        return insert(keys)

    return write


@contextmanager
def database_that(*, answers: bool) -> Iterator[mock.AsyncMock]:
    """Simulate a database that does or does not answer the probes sent during a slow write. Yield the mock probe."""
    probe = mock.AsyncMock(return_value=answers)
    with mock.patch.multiple(threads, PROBE_AFTER=0.01, _answers_a_read=probe):
        yield probe


def deadlock() -> OperationalError:
    error, cause = OperationalError("deadlock detected"), Exception()
    cause.sqlstate = shared_writes.DEADLOCK  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


class SharedTransactions(InProcess):
    async def test_writes_of_several_kinds_that_arrive_together_share_a_transaction(self) -> None:
        shared, began = SharedWrites(), mock.Mock(wraps=transaction.atomic)
        first, second = shared.kind(insert), shared.kind(insert_otherwise)
        with mock.patch.object(transaction, "atomic", began):
            await asyncio.gather(first.find("a"), second.find("b"), first.find("c"))
        assert await stored() == {"a", "b", "c"}
        assert began.call_count == 1

    async def test_writes_that_arrive_during_a_transaction_share_the_next_one(self) -> None:
        shared, has_begun, goes_on = SharedWrites(), threading.Event(), threading.Event()
        asked: list[list[str]] = []

        def write(keys: Sequence[str]) -> dict[str, bool]:
            asked.append(list(keys))
            has_begun.set()
            goes_on.wait(10)
            return insert(keys)

        kind = shared.kind(write)
        first = asyncio.ensure_future(kind.find("a"))
        await asyncio.to_thread(has_begun.wait, 10)
        others = [asyncio.ensure_future(kind.find(key)) for key in ("b", "c")]
        goes_on.set()
        assert await asyncio.gather(first, *others) == [True, True, True]
        assert asked == [["a"], ["b", "c"]]

    async def test_an_error_of_one_kind_does_not_fail_the_others(self) -> None:
        for error in (DataError("too long"), deadlock(), ValueError("a fault of ours")):
            shared = SharedWrites()
            good, bad = shared.kind(insert), shared.kind(failing(error))
            key = type(error).__name__
            outcomes = await asyncio.gather(good.find(f"good {key}"), bad.find(f"bad {key}"), return_exceptions=True)
            assert outcomes == [True, error]
        assert await stored() == {f"good {name}" for name in ("DataError", "OperationalError", "ValueError")}

    async def test_an_unavailable_database_fails_each_write_once(self) -> None:
        for error in (OperationalError("database is locked"), InterfaceError("connection lost")):
            shared, write = SharedWrites(), mock.Mock(side_effect=error)
            good, bad = shared.kind(insert), shared.kind(write)
            outcomes = await asyncio.gather(good.find("good"), bad.find("bad"), return_exceptions=True)
            assert outcomes == [error, error]
            assert write.call_count == 1
            assert await stored() == set()
            assert await good.find("later") is True
            await SharedEntry.objects.all().adelete()

    async def test_a_cancelled_caller_does_not_stop_its_neighbours(self) -> None:
        kind = SharedWrites().kind(insert)
        leaving, staying = (asyncio.ensure_future(kind.find(key)) for key in ("a", "b"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying is True
        assert await stored() == {"a", "b"}
        await asyncio.gather(leaving, return_exceptions=True)

    async def test_nothing_completes_before_the_commit(self) -> None:
        seen: list[bool] = []

        def write(keys: Sequence[str]) -> dict[str, bool]:
            transaction.on_commit(lambda: seen.append(future.done()))
            assert connection.in_atomic_block
            return insert(keys)

        future = asyncio.ensure_future(SharedWrites().kind(write).find("a"))
        await future
        assert seen == [False]

    async def test_a_write_that_waits_for_a_lock_continues_while_the_database_answers_reads(self) -> None:
        goes_on = threading.Event()
        with database_that(answers=True) as probe:
            waiting = asyncio.ensure_future(SharedWrites().kind(after(goes_on)).find("a"))
            await until(lambda: probe.await_count >= 2)
            assert not waiting.done()
            goes_on.set()
            assert await waiting is True

    async def test_an_unresponsive_database_ends_all_waits_and_nothing_is_stored_later(self) -> None:
        shared, goes_on = SharedWrites(DatabaseThreads("one", 1)), threading.Event()
        slow, other = shared.kind(after(goes_on)), shared.kind(insert)
        with database_that(answers=False):
            first = asyncio.ensure_future(slow.find("a"))
            await asyncio.sleep(0)
            outcomes = await asyncio.gather(first, slow.find("b"), other.find("c"), return_exceptions=True)
        assert [type(each) for each in outcomes] == [DatabaseUnresponsive] * 3
        goes_on.set()
        assert await other.find("later") is True  # same thread, so this write runs after the others
        assert await stored() == {"later"}
