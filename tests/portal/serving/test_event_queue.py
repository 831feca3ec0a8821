"""The queue between a POS's websocket and its consumer."""

import asyncio

from django.test import SimpleTestCase

from portal.serving.websocket_intake import EventQueue


class Events(SimpleTestCase):
    async def test_events_arrive_in_the_order_in_which_they_were_put(self) -> None:
        queue = EventQueue()
        for number in range(3):
            queue.put_nowait({"number": number})
        assert [(await queue.get())["number"] for _ in range(3)] == [0, 1, 2]
        assert queue.empty()

    async def test_a_waiting_reader_gets_the_next_event(self) -> None:
        queue = EventQueue()
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait({"number": 1})
        queue.put_nowait({"number": 2})
        assert (await reader, await queue.get()) == ({"number": 1}, {"number": 2})

    async def test_a_cancelled_reader_loses_no_event(self) -> None:
        queue = EventQueue()
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait({"number": 1})
        reader.cancel()
        await asyncio.wait({reader})
        assert reader.cancelled()
        assert await queue.get() == {"number": 1}

    async def test_a_reader_can_wait_after_another_one_was_cancelled(self) -> None:
        queue = EventQueue()
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait({reader})
        next_reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait({"number": 1})
        assert await next_reader == {"number": 1}
