"""The calls of this process that wait for the ends of requests."""

import asyncio
import contextlib
from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError

from integrations.services.requests import results
from integrations.services.requests.request_types import Result
from integrations.services.rows.threads import Joined

Completion = asyncio.Future[Result | None]  # done when the request has ended; None: the process is about to end


class Waiters:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._results: Joined[int, Result] = Joined(results.results)
        self._waiting: dict[int, set[Completion]] = {}
        self._has_let_go = False

    def __bool__(self) -> bool:
        """Return whether a call waits here."""
        return bool(self._waiting)

    async def wait(self, pk: int, seconds: float, completion: Completion | None = None) -> Result:
        """Return a request's result when it has ended, or its state after `seconds`.

        `completion`: one that `add` was given when the request was stored; without it the row is read first. A database
        that is away meanwhile ends no wait; one that is away at its end raises.
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
        """Set the request's result on `completion` when it has ended, unless that is cancelled before."""
        if completion is not None and not completion.done():
            self._waiting.setdefault(pk, set()).add(completion)
            completion.add_done_callback(lambda done: self._forget(pk, done))

    def complete(self, result: Result) -> None:
        """Give a request's result to the calls that wait for it, if it has ended."""
        if not result.is_final:
            return
        for completion in self._waiting.get(result.pk, ()):
            if not completion.done():
                completion.set_result(result)

    async def refresh(self, pks: Iterable[int]) -> None:
        """Read the results of those requests among these that a call waits for."""
        waited_for = [pk for pk in pks if pk in self._waiting]
        for result in await asyncio.gather(*map(self._results.find, waited_for)):
            if result is not None:
                self.complete(result)

    async def refresh_all(self) -> None:
        """Read the results of all requests that a call waits for."""
        await self.refresh(list(self._waiting))

    def let_go(self) -> None:
        """End all waiting: the process is about to end, and each caller gets the state of its request."""
        self._has_let_go = True
        for completion in [each for completions in self._waiting.values() for each in completions]:
            if not completion.done():
                completion.set_result(None)

    async def _wait_for(self, pk: int, completion: Completion, seconds: float) -> Result:
        result = None
        if not self._has_let_go:
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
            raise InterfaceError("The request is not there any more.")
        return result

    def _forget(self, pk: int, completion: Completion) -> None:
        waiting = self._waiting.get(pk, set())
        waiting.discard(completion)
        if not waiting:
            self._waiting.pop(pk, None)
