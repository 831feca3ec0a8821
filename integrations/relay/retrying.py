"""Functions that repeat asynchronous work after errors, until it succeeds or a repetition cannot help."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError

RETRY = 1.0  # seconds between two attempts

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


async def until_done(work: Callable[[], Awaitable[Result]], name: str) -> Result:
    """Call `work` until it succeeds, and return its result. `name` describes the work in the log.

    Logs the first error that is not a database error. The watcher of the process reports database errors.
    """
    has_failed = False
    while True:
        try:
            return await work()
        except Exception as error:
            if not has_failed and not isinstance(error, DatabaseError | InterfaceError):
                details = {"task": name, "seconds": RETRY}
                logger.exception("Background work failed and will be retried.", extra=details)
                has_failed = True
        await asyncio.sleep(RETRY)


async def until_back(work: Callable[[], Awaitable[Result]], name: str) -> Result:
    """Call `work`, retrying while the database is unavailable, and return its result.

    An error for which `is_refusal` is true is raised at once, because retrying cannot help.
    """
    has_failed = False
    while True:
        try:
            return await work()
        except (DatabaseError, InterfaceError) as error:
            if is_refusal(error):
                raise
            if not has_failed:
                details = {"task": name, "error": type(error).__name__}
                logger.warning("Background work is waiting for the database.", extra=details)
                has_failed = True
        await asyncio.sleep(RETRY)


def is_refusal(error: Exception) -> bool:
    """Return whether retrying cannot help, because the database rejects a row or the portal has a bug."""
    return isinstance(error, IntegrityError | DataError) or not isinstance(error, DatabaseError | InterfaceError)
