"""After an internal error anywhere in the relay, later requests still work, and each request ends exactly once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from django.db import OperationalError

from integrations.models import Request
from integrations.models.request import RequestState
from integrations.relay import retrying, runtime
from integrations.relay.delivery import background_tasks, endings
from integrations.services.requests import ending, sending
from integrations.services.requests.request_types import Ending
from integrations.wire import envelope
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, after_first_poll, in_main, until

write_request = envelope.write_request


class Relay(InProcess):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(retrying, "RETRY", 0.01))


class Sending(Relay):
    async def test_a_request_that_cannot_be_written_as_a_frame_fails_and_the_others_are_sent(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(envelope, "write_request", unless_it_is("r-2", write_request)):
            for name in ("r-1", "r-2", "r-3"):
                await backend.ask(outlet, request_id=name, mode="async", expires_in=60)
            async with await Pos.of(outlet) as pos:
                assert [(await pos.next_frame())["RequestID"] for _ in range(2)] == ["r-1", "r-3"]
                answer = await backend.ask(outlet, request_id="r-2", expires_in=60)
                assert (answer.status, answer.json()["detail"]) == (502, endings.UNSENDABLE)

    async def test_a_request_with_a_reserved_place_that_cannot_be_written_as_a_frame_fails_as_well(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            with mock.patch.object(envelope, "write_request", unless_it_is("r-0", write_request)):
                for number in range(20):  # more requests than fit in the window
                    assert (await backend.ask(outlet, request_id="r-0", timeout=5)).status == 502, number
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r-1"))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_requests_that_could_not_be_loaded_are_loaded_a_little_later(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
        with mock.patch.object(sending, "load_open", side_effect=failing_once(sending.load_open)):
            async with await Pos.of(outlet) as pos:
                assert (await pos.next_frame())["RequestID"] == "r-1"

    async def test_requests_that_could_not_be_claimed_are_claimed_a_little_later(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, request_id="r-1", mode="async", expires_in=60)
        running = await after_first_poll()
        running.dispatcher._claims._query = failing_once(running.dispatcher._claims._query)
        async with await Pos.of(outlet) as pos:
            assert (await pos.next_frame())["RequestID"] == "r-1"


class Ends(Relay):
    async def test_an_answer_that_the_portal_cannot_store_fails_only_its_own_request(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await after_first_poll()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, request_id=name)) for name in ("r-1", "r-2")]
            frames = [await pos.next_frame() for _ in asking]
            with mock.patch.object(ending, "end", unless_bad(ending.end)) as end:
                running.dispatcher._endings._ends._query = end
                for frame in frames:
                    pos.answers(frame, '"bad"' if frame["RequestID"] == "r-2" else '"good"')
                assert [(await each).status for each in asking] == [200, 502]
        rows = await in_main(lambda: list(Request.objects.order_by("request_id").values_list("state", "failure")))
        assert rows == [(RequestState.ANSWERED, ""), (RequestState.FAILED, endings.UNKEPT)]


class InTheBackground(Relay):
    async def test_an_internal_error_is_logged_and_a_database_error_is_not(self) -> None:
        running = await runtime.running()

        async def fail(error: Exception) -> None:
            raise error

        for error, logged in ((RuntimeError("a fault"), 1), (OperationalError("away"), 0)):
            with mock.patch.object(background_tasks.logger, "error") as log:
                await asyncio.wait({running.dispatcher._background.start(fail(error))})
                await asyncio.sleep(0)  # asyncio calls the task's callbacks in its next iteration
            assert log.call_count == logged, error


class Watching(Relay):
    async def test_the_watcher_continues_after_any_error(self) -> None:
        running = await after_first_poll()
        with mock.patch.object(running.watcher, "poll", side_effect=RuntimeError("a fault")) as poll:
            running.watcher.poll_now()
            await until(lambda: poll.call_count == 1)
            running.watcher.poll_now()
            await until(lambda: poll.call_count == 2)


def unless_it_is(request_id: str, write: Callable[..., str]) -> Callable[..., str]:
    def write_others(**values: Any) -> str:
        if values["request_id"] == request_id:
            raise RecursionError
        return write(**values)

    return write_others


def failing_once(function: Callable[..., Any]) -> Callable[..., Any]:
    errors = [RuntimeError("can't start new thread")]

    def fail_once(*args: Any) -> Any:
        if errors:
            raise errors.pop()
        return function(*args)

    return fail_once


def unless_bad(end: Callable[..., Any]) -> Callable[..., Any]:
    def end_others(endings: Sequence[Ending]) -> Any:
        if any(each.answer == '"bad"' for each in endings):
            raise RecursionError
        return end(endings)

    return end_others
