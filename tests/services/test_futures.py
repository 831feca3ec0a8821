"""If no caller awaits a future, asyncio does not log its error. A finished future keeps its outcome."""

import asyncio
import gc
from typing import Any

from integrations.services.futures import error_of, fail, succeed


def test_an_error_that_no_caller_awaits_is_not_logged() -> None:
    complaints: list[dict[str, Any]] = []

    async def fail_without_caller() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        fail(asyncio.get_running_loop().create_future(), ValueError("no caller"))
        gc.collect()

    asyncio.run(fail_without_caller())
    assert complaints == []


def test_a_future_fails_only_if_it_has_not_finished() -> None:
    async def finish() -> None:
        loop = asyncio.get_running_loop()
        answered, cancelled, failed = loop.create_future(), loop.create_future(), loop.create_future()
        answered.set_result("an answer")
        cancelled.cancel()
        error = ValueError("too late")
        for future in (answered, cancelled, failed):
            fail(future, error)
        assert answered.result() == "an answer"
        assert [error_of(each) for each in (answered, cancelled, failed)] == [None, None, error]

    asyncio.run(finish())


def test_a_future_succeeds_only_if_it_has_not_finished() -> None:
    async def finish() -> None:
        loop = asyncio.get_running_loop()
        answered, cancelled, waiting = loop.create_future(), loop.create_future(), loop.create_future()
        answered.set_result("an answer")
        cancelled.cancel()
        for future in (answered, cancelled, waiting):
            succeed(future, "another")
        assert cancelled.cancelled()
        assert [answered.result(), waiting.result()] == ["an answer", "another"]

    asyncio.run(finish())
