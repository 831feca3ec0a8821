"""Repeats what must be done in the end, whatever error it meets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError

RETRY = 1.0  # seconds between two attempts

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


async def until_done(work: Callable[[], Awaitable[Result]], name: str) -> Result:
    """Return what `work` returns, as soon as it raises nothing.

    Logs the first error and not those after it. A database error is not logged: the loops of the process report it.
    """
    has_failed = False
    while True:
        try:
            return await work()
        except Exception as error:
            if not has_failed and not isinstance(error, DatabaseError | InterfaceError):
                logger.exception("%s failed; it is tried again every %g s.", name, RETRY)
                has_failed = True
        await asyncio.sleep(RETRY)


async def until_back(work: Callable[[], Awaitable[Result]], name: str) -> Result:
    """Return what `work` returns, as soon as the database is there. Raises every error that waiting cannot help."""
    has_failed = False
    while True:
        try:
            return await work()
        except (DatabaseError, InterfaceError) as error:
            if is_refusal(error):
                raise
            if not has_failed:
                logger.warning("%s waits for the database (%s).", name, type(error).__name__)
                has_failed = True
        await asyncio.sleep(RETRY)


def is_refusal(error: Exception) -> bool:
    """Return whether waiting will not help: the database is there and does not take a row, or the fault is ours."""
    return isinstance(error, IntegrityError | DataError) or not isinstance(error, DatabaseError | InterfaceError)
