"""The channel layer between processes, with one fault of the library's put right."""

import contextlib

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]
    """The library's core layer, whose last step for a message does not fail unheard.

    It takes a received message out of its backup in a task that nobody awaits: when Redis dies at that moment, asyncio
    logs a traceback. What stays in the backup is received once more when Redis is back, and a wake-up may come twice.
    """

    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            await super()._clean_receive_backup(index, channel)
