"""The channel layer between processes: that of channels_redis, with workarounds for two of its bugs."""

import asyncio
import contextlib

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError

CLEAN_SECONDS = 2.0


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]
    """The core layer of channels_redis, with fixes for a Redis that dies or hangs while a message is acknowledged.

    The library acknowledges a message by removing it from a backup queue. It does this in a task that no code awaits,
    and a lock delays the next message until that task has ended. If Redis dies at that moment, asyncio logs a
    traceback. If Redis hangs, no message is received until the socket's own timeout. A message that stays in the backup
    queue is received again when Redis is back, so a wake-up can arrive twice.
    """

    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(CLEAN_SECONDS):
                await super()._clean_receive_backup(index, channel)
