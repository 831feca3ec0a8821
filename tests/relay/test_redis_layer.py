"""How the portal's Redis layer differs from the library's."""

import asyncio
from typing import Any

import pytest
from channels_redis.core import RedisChannelLayer
from redis.exceptions import ConnectionError as RedisIsAway

from integrations.relay import redis_layer
from integrations.relay.redis_layer import RedisLayer


class Dead:
    """A connection whose Redis has just been killed."""

    async def zpopmin(self, *_arguments: Any) -> None:
        raise RedisIsAway


class Hanging:
    """A connection whose Redis accepts commands and never answers."""

    async def zpopmin(self, *_arguments: Any) -> None:
        await asyncio.Event().wait()


def clean_up(layer: RedisChannelLayer, monkeypatch: pytest.MonkeyPatch, connection: Dead | Hanging) -> None:
    monkeypatch.setattr(layer, "connection", lambda _index: connection)
    asyncio.run(layer._clean_receive_backup(0, "asgi:process!"))


def test_a_message_whose_backup_cannot_be_cleaned_raises_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_up(RedisLayer(), monkeypatch, Dead())


def test_the_library_still_fails_there_so_the_workaround_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RedisIsAway):
        clean_up(RedisChannelLayer(), monkeypatch, Dead())


def test_a_hanging_redis_delays_the_next_message_only_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_layer, "CLEAN_SECONDS", 0.01)
    clean_up(RedisLayer(), monkeypatch, Hanging())
