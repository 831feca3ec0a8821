"""The channel layer between processes, with workarounds for two bugs of the library."""

import asyncio
import contextlib

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError

CLEAN_SECONDS = 2.0


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]
    """The library's core layer, with fixes for a Redis that dies or hangs while a message is acknowledged.

    The library removes a received message from its backup in a task that it never awaits, and receives no other message
    until that task is done. If Redis dies at that moment, asyncio logs a traceback. If Redis hangs, no message is
    received until the socket's own timeout. A message that stays in the backup is received again when Redis is back, so
    a wake-up can arrive twice.
    """

    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(CLEAN_SECONDS):
                await super()._clean_receive_backup(index, channel)
