"""Database access from the event loop: a few threads for each kind of work, and concurrent queries joined into one.

A server process must not use Django's shared thread for this, because a slow admin page would delay every POS.

Each kind of work has separate threads, and does not wait while the threads of another kind are blocked. For example,
a locked SQLite file blocks writers but not readers. A thread that waits for the database cannot be interrupted. A time
limit therefore ends the caller's wait but not the work. Set a limit only for work that may safely happen after its
caller has got an error.

Writes may wait for a lock, so they have no fixed limit. Instead, `while_responsive` ends the wait for a write if the
database does not answer a read either.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from integrations.services.futures import fail, succeed

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

BATCH = 500  # below SQLite's limit of variables in one statement
# A caller that only reads gets 503 after this many seconds. Readers never wait for locks in SQLite, and in PostgreSQL
# only while a table is altered. Load balancers and tills give up after 3 s, so this is shorter.
READ_SECONDS = 2.5
PROBE_AFTER = 0.25  # seconds that a write may take before a read checks that the database still answers


class DatabaseUnresponsive(OperationalError):
    """The database did not answer in time. The work may still happen."""

    def __init__(self) -> None:
        super().__init__("the database did not answer in time")


async def within(seconds: float, done: Awaitable[Result]) -> Result:
    """Return the result of `done`. Raises DatabaseUnresponsive after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        raise DatabaseUnresponsive from None


class DatabaseThreads:
    """Threads with one database connection each. A caller waits `limit` seconds for its result."""

    def __init__(self, name: str, most: int, limit: float | None = None) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix=f"database-{name}")
        self._limit = limit

    def start(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> asyncio.Future[Result]:
        """Run `function` in one of the threads, without a limit."""
        call = partial(_call_and_release, function, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def run(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run `function` in one of the threads. Raises its errors, or DatabaseUnresponsive after the limit."""
        done = self.start(function, *args, **kwargs)
        if self._limit is None:
            return await done
        return await within(self._limit, done)


# All these threads together are fewer than DATABASE_POOL_SIZE's default, because waiting writers must leave connections
# for readers.
readers = DatabaseThreads("readers", 4, READ_SECONDS)
writers = DatabaseThreads("writers", 3)  # for writes that callers and POSes wait for
recorders = DatabaseThreads("recorders", 2)  # for writes that no caller waits for: records, chores
watchers = DatabaseThreads("watchers", 1, READ_SECONDS)  # for a watcher's own writes, which it repeats every second


async def while_responsive(done: asyncio.Future[Result]) -> Result:
    """Return the result of a write, however long it waits for a lock.

    Raises DatabaseUnresponsive if the database does not answer a read in the meantime. The write then continues.
    """
    while not done.done():
        await asyncio.wait({done}, timeout=PROBE_AFTER)
        if not done.done():
            await _probe_until(done)
    return done.result()


async def _probe_until(done: asyncio.Future[Any]) -> None:
    """Wait until the database answers a read, or until `done` has a result. Raises DatabaseUnresponsive."""
    probe = asyncio.create_task(_answers_a_read())
    try:
        await asyncio.wait({done, probe}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done() and not probe.result():
            raise DatabaseUnresponsive
    finally:
        probe.cancel()


async def _answers_a_read() -> bool:
    try:
        await readers.run(read_nothing)
    except DatabaseUnresponsive:
        return False
    except (DatabaseError, InterfaceError):  # the write will raise this error itself
        return True
    return True


def read_nothing() -> None:
    """Run the shortest query, which shows that the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _call_and_release(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    try:
        return function(*args, **kwargs)
    except Exception:
        connection.close()  # the next caller must not get a broken connection
        raise
    finally:
        _give_back()


def _give_back() -> None:
    # A PostgreSQL connection goes back to the pool. An SQLite connection stays open in this thread, because
    # opening it again costs more than the query.
    if connection.vendor != "sqlite":
        connection.close()


class CallQueue(Generic[Key, Found]):
    """Answers calls in batches. Calls that arrive while a batch is in progress wait, and form the next batch.

    When idle, it adds no delay, because the first call starts at once. A subclass answers the calls. At most `at_once`
    callers are answered together, because all of them resume in one iteration of the event loop, which blocks
    everything else until it ends.
    """

    def __init__(self, at_once: float = math.inf) -> None:
        self._at_once = at_once
        self._waiting: deque[tuple[Key, asyncio.Future[Found | None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def find(self, key: Key) -> Awaitable[Found | None]:
        """Return the result for `key`, or None. Raises the errors of `_results`, which a subclass implements."""
        future: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return future

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._next())
        finally:
            self._task = None

    def _next(self) -> dict[Key, list[asyncio.Future[Found | None]]]:
        """Return the callers to answer next, in order of arrival."""
        batch: dict[Key, list[asyncio.Future[Found | None]]] = {}
        taken = 0
        while self._waiting and len(batch) < BATCH and taken < self._at_once:
            key, future = self._waiting.popleft()
            batch.setdefault(key, []).append(future)
            taken += 1
        return batch

    async def _answer(self, batch: dict[Key, list[asyncio.Future[Found | None]]]) -> None:
        try:
            found = await self._results(list(batch))
        except DatabaseUnresponsive as error:
            # The callers in the queue fail, too, because they would wait for the same database.
            waiting, self._waiting = self._waiting, deque()
            _fail_all(chain(chain.from_iterable(batch.values()), (future for _, future in waiting)), error)
            return
        except Exception as error:  # noqa: BLE001  (it is the callers' to handle)
            _fail_all(chain.from_iterable(batch.values()), error)
            return
        for key, futures in batch.items():
            result = found.get(key)
            if isinstance(result, Exception):
                _fail_all(futures, result)
                continue
            for future in futures:
                succeed(future, result)

    async def _results(self, keys: list[Key]) -> Mapping[Key, Found | Exception]:
        """Return a result or an error for each of these distinct keys. Raises an error if it affects all keys."""
        raise NotImplementedError


class Joined(CallQueue[Key, Found]):
    """Answers each batch of calls with one look-up or transaction, to limit the database's load when many calls arrive.

    `query` gets distinct keys and runs in one of `threads`.
    """

    def __init__(
        self,
        query: Callable[[list[Key]], Mapping[Key, Found]],
        at_once: float = math.inf,
        *,
        threads: DatabaseThreads = readers,
    ) -> None:
        super().__init__(at_once)
        self._query = query
        self._threads = threads

    async def _results(self, keys: list[Key]) -> Mapping[Key, Found]:
        return await self._threads.run(self._query, keys)


def _fail_all(futures: Iterable[asyncio.Future[Any]], error: Exception) -> None:
    for future in futures:
        fail(future, error)
