"""Runs a simulated POS in its own thread, for synchronous callers and those whose event loop is busy."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from integrations.simulator.credentials import Credentials
from integrations.simulator.journal import Closure, Refusal
from integrations.simulator.misbehaviour import Plan
from integrations.simulator.simulated_pos import SimulatedPos, Timing
from integrations.simulator.till import Till

Result = TypeVar("Result")


class BackgroundPos:
    """Use as `with BackgroundPos(credentials) as background: background.wait_for_connections()`.

    `pos` is the SimulatedPos. Its attributes can be read from any thread, but do not call its methods.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        till: Till | None = None,
        timing: Timing | None = None,
        plan: Plan | None = None,
        till_file: Path | None = None,
        message_numbers: Mapping[str, int] | None = None,
    ) -> None:
        self.pos = SimulatedPos(
            credentials,
            till=till,
            timing=timing,
            plan=plan,
            till_file=till_file,
            message_numbers=message_numbers,
        )
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = Thread(target=self._run, name="simulated POS", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop.call_soon_threadsafe(self.pos.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call(self.pos.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def wait_for_connections(self, count: int = 1, *, limit: float = 10.0) -> None:
        self._call(self.pos.wait_for_connections(count, limit=limit))

    def wait_for_closures(self, count: int = 1, *, limit: float = 10.0) -> Closure:
        return self._call(self.pos.wait_for_closures(count, limit=limit))

    def wait_for_refusals(self, count: int = 1, *, limit: float = 10.0) -> Refusal:
        return self._call(self.pos.wait_for_refusals(count, limit=limit))

    def wait_until(self, condition: Callable[[], bool], *, limit: float = 10.0) -> None:
        """Wait until `condition` returns true. It is called in the POS's thread."""
        self._call(self.pos.wait_until(condition, limit=limit))

    def _run(self) -> None:
        with self._runner:  # ends all tasks of the loop before it closes the loop
            self._loop.run_forever()

    def _call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
