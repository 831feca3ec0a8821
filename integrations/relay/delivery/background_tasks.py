"""Runs tasks that no caller awaits, and logs their errors."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError

from integrations.services.futures import error_of
from integrations.services.requests.request_types import NotStored

Done = TypeVar("Done")

logger = logging.getLogger(__name__)


class Background:
    """A set of background tasks. Use it on the event loop only."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        """Run `work` in a task; log its exception, except database errors and NotStored."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def stop(self, *, seconds: float) -> None:
        """Wait at most this long for the tasks to end, then cancel those still running."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = error_of(task)
        if error is not None and not isinstance(error, NotStored | DatabaseError | InterfaceError):
            logger.error("Unhandled error in a background task of the relay.", exc_info=error)
