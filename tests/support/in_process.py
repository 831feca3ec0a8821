"""Async tests of the portal in this process; each has a separate runtime, and fails if a task outlives it."""

import asyncio
import atexit
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.test import TransactionTestCase

from integrations.backend.base import rate_limits
from integrations.pos.access import attempt_recording, exchange
from integrations.pos.limits.proofs import Proofs
from integrations.pos.limits.throttle import Sampler, Tarpit, Throttle
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.services import wake
from integrations.services.connections import authentication

LIMIT = 10.0  # seconds that a test waits for an event that should be immediate
POLL = 0.005

Result = TypeVar("Result")


class InProcess(TransactionTestCase):
    """Base class of `async def` tests. It commits rows, because the portal reads them in other threads."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, test in list(vars(cls).items()):
            if name.startswith("test_") and inspect.iscoroutinefunction(test):
                setattr(cls, name, _with_an_end(test))


async def in_main(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Call `function` in the test case's own thread, not in a thread of the portal. It may use the ORM there."""
    return await sync_to_async(function)(*args, **kwargs)


async def until(condition: Callable[[], Any], *, limit: float = LIMIT) -> None:
    """Return once the condition is true. Raises AssertionError if it is still false after `limit` seconds."""
    deadline = asyncio.get_running_loop().time() + limit
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"still false after {limit} s: {condition}"
        await asyncio.sleep(POLL)


async def recorded() -> Runtime:
    """Return the runtime after it has written its queued records to the database."""
    running = await runtime.running()
    await running.recorder.flush()
    return running


async def after_first_poll() -> Runtime:
    """Return the runtime after its first poll of the database.

    Otherwise, that poll could happen during the test, in addition to the polls that the test starts.
    """
    running = await runtime.running()
    await until(running.watcher._woken._waiters.__len__)  # the watcher waits to be woken
    return running


async def stop_runtime(*, limit: float = LIMIT) -> None:
    """Stop the runtime, and unregister its exit handler. Raises TimeoutError after `limit` seconds."""
    running = runtime.current()
    if running is None:
        return
    try:
        async with asyncio.timeout(limit):
            await runtime.stop()
    finally:
        atexit.unregister(running._end_without_loop)


def _with_an_end(test: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    @functools.wraps(test)
    async def whole_test(case: Any) -> None:
        try:
            await test(case)
        finally:
            left = await _end()
        assert not left, f"the test left tasks behind: {left}"

    return whole_test


async def _end() -> set[asyncio.Task[Any]]:
    """Stop the runtime, reset the state of the POS endpoints, and return the tasks that are still running."""
    if runtime._starting is not None and not runtime._starting.done():
        await asyncio.wait({runtime._starting}, timeout=LIMIT)
    await stop_runtime()
    attempt_recording._sampler = Sampler()
    attempt_recording._of_one_address, attempt_recording._of_all_addresses = Sampler(burst=200), Sampler(burst=400)
    exchange.throttle, exchange.tarpit, exchange.proofs = Throttle(), Tarpit(), Proofs()
    exchange._followed = None
    rate_limits.buckets = rate_limits.Buckets()
    assert authentication.other_callers.waiting == authentication.known_callers.waiting == 0
    assert wake._listeners == []
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return set()
    _, left = await asyncio.wait(others, timeout=1)
    return {task for task in left if not _is_of_asgiref(task)}


def _is_of_asgiref(task: asyncio.Task[Any]) -> bool:
    return "asgiref" in str(task.get_coro())
