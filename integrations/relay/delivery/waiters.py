"""Holds the calls of this process that wait for requests to end."""

import asyncio
import contextlib
from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError

from integrations.services.futures import succeed
from integrations.services.requests import results
from integrations.services.requests.request_types import Result
from integrations.services.rows.threads import Joined

Completion = asyncio.Future[Result | None]  # gets the result when the request has ended, or None when the process stops


class Waiters:
    """The waiting calls. Use it on the event loop only."""

    def __init__(self) -> None:
        self._results: Joined[int, Result] = Joined(results.results)
        self._ended: Joined[int, Result] = Joined(results.ended)
        self._waiting: dict[int, set[Completion]] = {}
        self._has_ended_waits = False

    def __bool__(self) -> bool:
        """Return whether any call is waiting."""
        return bool(self._waiting)

    async def wait(self, pk: int, seconds: float, completion: Completion | None = None) -> Result:
        """Return a request's result when it has ended, or its current state after `seconds`.

        Pass the `completion` that `add` received when the request was stored; without it, the row is read first.
        Raises the database's error only if the database is unavailable at the end of the wait.
        """
        if completion is not None:
            return await self._wait_for(pk, completion, seconds)
        completion = asyncio.get_running_loop().create_future()
        self.add(pk, completion)
        try:
            found = await self._result_unless_away(pk)
            return found if found and found.is_final else await self._wait_for(pk, completion, seconds)
        finally:
            completion.cancel()

    def add(self, pk: int, completion: Completion | None) -> None:
        """Set the result on `completion` when the request ends, unless `completion` has been cancelled."""
        if completion is not None and not completion.done():
            self._waiting.setdefault(pk, set()).add(completion)
            completion.add_done_callback(lambda done: self._forget(pk, done))

    def complete(self, result: Result) -> None:
        """Pass a request's result to the waiting calls, if the request has ended."""
        if not result.is_final:
            return
        for completion in self._waiting.get(result.pk, ()):
            succeed(completion, result)

    async def refresh(self, pks: Iterable[int]) -> None:
        """Read the requests in `pks` that have waiting calls. Complete the calls of each request that has ended."""
        waited_for = [pk for pk in pks if pk in self._waiting]
        for result in await asyncio.gather(*map(self._ended.find, waited_for)):
            if result is not None:
                self.complete(result)

    async def refresh_all(self) -> None:
        """Read all requests that have waiting calls. Complete the calls of each request that has ended."""
        await self.refresh(list(self._waiting))

    def end_waits(self) -> None:
        """End all waits because the process is stopping; each caller gets the current state of its request."""
        self._has_ended_waits = True
        for completion in [each for completions in self._waiting.values() for each in completions]:
            succeed(completion, None)

    async def _wait_for(self, pk: int, completion: Completion, seconds: float) -> Result:
        result = None
        if not self._has_ended_waits:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    result = await completion
        return result or await self._result(pk)

    async def _result_unless_away(self, pk: int) -> Result | None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            return await self._result(pk)
        return None

    async def _result(self, pk: int) -> Result:
        result = await self._results.find(pk)
        if result is None:
            raise InterfaceError("The request no longer exists.")
        return result

    def _forget(self, pk: int, completion: Completion) -> None:
        waiting = self._waiting.get(pk, set())
        waiting.discard(completion)
        if not waiting:
            self._waiting.pop(pk, None)
