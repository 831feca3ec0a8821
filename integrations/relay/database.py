"""The database from the event loop: a few threads of our own, and questions joined into one.

A server process must not take Django's shared thread for this: a slow admin page would hold every POS up.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Generic, ParamSpec, TypeVar

from django.db import connection

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

THREADS = 4
BATCH = 500  # below SQLite's limit of variables in one statement

_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


async def in_database(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run `function` in a thread that has a database connection; what it raises is raised here."""

    def call() -> Result:
        try:
            return function(*args, **kwargs)
        except Exception:
            connection.close()  # a broken connection must not meet the next caller
            raise
        finally:
            _give_back()

    return await asyncio.get_running_loop().run_in_executor(_executor, call)


def _give_back() -> None:
    # PostgreSQL's goes back to the pool. SQLite's is a file handle of this thread: opening it anew costs more
    # than the query.
    if connection.vendor != "sqlite":
        connection.close()


class Joined(Generic[Key, Found]):
    """Answers many calls with one look-up, or one transaction: those that come while one runs share the next.

    Costs nothing when idle (the first caller's leaves at once) and bounds the database's work under a storm. `query`
    gets distinct keys and runs in a database thread. At most `at_once` callers share a look-up: all that are answered
    together go on in one turn of the event loop, and while one lasts nothing else is heard.
    """

    def __init__(self, query: Callable[[list[Key]], Mapping[Key, Found]], at_once: float = math.inf) -> None:
        self._query = query
        self._at_once = at_once
        self._waiting: deque[tuple[Key, asyncio.Future[Found | None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def find(self, key: Key) -> Awaitable[Found | None]:
        """Return what stands under `key`, or None; raises what the query raised."""
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
        """Return who is answered next, in the order of their coming."""
        batch: dict[Key, list[asyncio.Future[Found | None]]] = {}
        taken = 0
        while self._waiting and len(batch) < BATCH and taken < self._at_once:
            key, future = self._waiting.popleft()
            batch.setdefault(key, []).append(future)
            taken += 1
        return batch

    async def _answer(self, batch: dict[Key, list[asyncio.Future[Found | None]]]) -> None:
        try:
            found = await in_database(self._query, list(batch))
        except Exception as error:  # noqa: BLE001  (it is the callers' to handle)
            _fail(chain.from_iterable(batch.values()), error)
            return
        for key, futures in batch.items():
            for future in futures:
                if not future.done():
                    future.set_result(found.get(key))


def _fail(futures: Iterable[asyncio.Future[Found | None]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # read once, so that a caller who has gone leaves no warning
