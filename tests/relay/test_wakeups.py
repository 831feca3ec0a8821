"""How a process sends wake-ups to the others while the channel layer between them works, hangs and recovers."""

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from integrations.relay import wakeups
from integrations.relay.wakeups import MOST, Wakeups
from integrations.services import wake
from tests.support.in_process import until


class Layer:
    """A layer that does not answer before `answers` is set."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked = 0
        self.answers = asyncio.Event()

    async def group_send(self, _group: str, message: dict[str, Any]) -> None:
        self.asked += 1
        await self.answers.wait()
        self.sent.append(message)


@pytest.fixture(autouse=True)
def never_quiet() -> Iterator[None]:
    with mock.patch.multiple(wake, SEND_SECONDS=60.0, QUIET_SECONDS=0.0, _quiet_until=0.0):
        yield


def run(scenario: Any) -> None:
    async def whole() -> None:
        layer = Layer()
        with (
            mock.patch.object(wake, "get_channel_layer", return_value=layer),
            mock.patch.object(wakeups, "get_channel_layer", return_value=layer),
        ):
            sender = Wakeups()
            await scenario(layer, sender)
            await sender.stop()

    asyncio.run(whole())


def test_only_one_task_waits_for_a_hanging_layer() -> None:
    async def scenario(layer: Layer, sender: Wakeups) -> None:
        before = len(asyncio.all_tasks())
        for number in range(5_000):
            sender.send(wake.QUEUED, [number % 50])
            sender.send(wake.ENDED, [number])
            await asyncio.sleep(0)
        assert (layer.asked, len(asyncio.all_tasks()) - before) == (1, 1)
        layer.answers.set()
        await until(lambda: len(layer.sent) == 3)
        sizes = sorted((message["type"], len(message["ids"])) for message in layer.sent)
        assert sizes == [(wake.ENDED, MOST), (wake.QUEUED, 1), (wake.QUEUED, 50)]

    run(scenario)


def test_a_single_wake_up_is_sent_immediately_in_the_previous_format() -> None:
    async def scenario(layer: Layer, sender: Wakeups) -> None:
        layer.answers.set()
        sender.send(wake.QUEUED, [7])
        await until(lambda: layer.sent == [{"type": wake.QUEUED, "id": 7, "ids": [7]}])

    run(scenario)


def test_the_next_message_is_sent_after_one_that_timed_out() -> None:
    async def scenario(layer: Layer, sender: Wakeups) -> None:
        with mock.patch.object(wake, "SEND_SECONDS", 0.01):
            sender.send(wake.CHANGED, [1])
            await until(lambda: sender._sending is None)
        layer.answers.set()
        sender.send(wake.CHANGED, [2])
        await until(lambda: [message["ids"] for message in layer.sent] == [[2]])

    run(scenario)
