"""Set and read the results of futures whose callers may have left.

asyncio logs the error of a future if no code reads that error. These functions prevent such log entries.
"""

import asyncio
from typing import Any, TypeVar

Result = TypeVar("Result")


def error_of(finished: "asyncio.Future[Any]") -> BaseException | None:
    """Return the error of a finished future, or None if it succeeded or was cancelled.

    After this call, asyncio does not log the error.
    """
    return None if finished.cancelled() else finished.exception()


def succeed(future: "asyncio.Future[Result]", result: Result) -> None:
    """Pass the result to the code that waits for the future, unless the future has finished."""
    if not future.done():
        future.set_result(result)


def fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    """Raise the error in the code that waits for the future, if any. Do nothing if the future has finished."""
    if not future.done():
        future.set_exception(error)
        error_of(future)
