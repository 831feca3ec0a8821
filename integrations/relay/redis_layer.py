"""The channel layer between processes, with two faults of the library's put right."""

import asyncio
import contextlib

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError

CLEAN_SECONDS = 2.0


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]
    """The library's core layer, whose last step for a message does not fail unheard, and does not hang.

    It takes a received message out of its backup in a task that nobody awaits, and receives no other message until that
    is done. When Redis dies at that moment, asyncio logs a traceback; when Redis hangs, nothing is received until the
    socket's own timeout. What stays in the backup is received once more when Redis is back, and a wake-up may come
    twice.
    """

    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(CLEAN_SECONDS):
                await super()._clean_receive_backup(index, channel)
