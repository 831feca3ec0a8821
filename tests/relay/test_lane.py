"""After an error in the portal, a lane still sends its requests in order, and no place in its window is lost."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError

from integrations.models.clock import shared_now
from integrations.relay import retrying
from integrations.relay.sockets import window
from integrations.relay.sockets.lane import Lane
from integrations.relay.sockets.outgoing import LinkLost, Outgoing, Transient
from tests.support.in_process import until

ERRORS = [RuntimeError("can't start new thread"), OperationalError("no database"), asyncio.CancelledError()]
SOON = timedelta(seconds=30)


class Pos:
    """A lane to one POS. `left` lists the frames that the lane has sent.

    If `error` is given, the first `failures` claims raise it.
    """

    def __init__(self, error: BaseException | None = None, failures: int = 1, window: int = 8) -> None:
        self.left: list[str] = []
        self.claimed: list[int] = []
        self.unsent: list[int] = []
        self.may_claim = asyncio.Event()
        self.may_claim.set()
        self._error, self._failures = error, failures if error else 0
        self.lane = Lane(
            window=window, send=self._send, claim=self._claim, load_more=lambda: None, unsent=self.unsent.append
        )

    async def _send(self, frame: str) -> None:
        self.left.append(frame)

    async def _claim(self, pk: int) -> bool:
        await self.may_claim.wait()
        if self._error and self._failures:
            self._failures -= 1
            raise self._error
        self.claimed.append(pk)
        return True

    async def has_sent(self, *frames: str) -> None:
        await until(lambda: self._after_a_check() == list(frames))

    def _after_a_check(self) -> list[str]:
        self.lane.drop_overdue(shared_now())  # as the watcher does each second
        return self.left


def outgoing(pk: int, *, disconnects: int = 0) -> Outgoing:
    now = shared_now()
    return Outgoing(pk, str(pk), f"frame {pk}", now + SOON, now + SOON, disconnects=disconnects)


def transient(name: str) -> Transient:
    """Return a request that is not stored; its RequestID and its frame are `name`."""
    return Transient(name, name, shared_now() + SOON, asyncio.get_running_loop().create_future())


@pytest.fixture(autouse=True)
def retried_at_once() -> Iterator[None]:
    with mock.patch.object(retrying, "RETRY", 0.01):
        yield


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_after_any_error_all_requests_are_sent_in_order_and_the_window_is_free_again(error: BaseException) -> None:
    async def scenario() -> None:
        pos = Pos(error)
        for pk in (1, 2, 3):
            pos.lane.offer(outgoing(pk))
        await pos.has_sent("frame 1", "frame 2", "frame 3")
        for pk in (1, 2, 3):
            assert pos.lane.take_answer(str(pk))
        assert pos.lane.is_at_rest
        assert pos.lane.reserve()

    asyncio.run(scenario())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_after_any_error_a_suspect_request_is_sent_and_blocks_no_other(error: BaseException) -> None:
    async def scenario() -> None:
        pos = Pos(error)
        pos.lane.offer(outgoing(1, disconnects=2))
        await pos.has_sent("frame 1")
        assert pos.lane.take_answer("1")
        pos.lane.offer(outgoing(2))
        await pos.has_sent("frame 1", "frame 2")

    asyncio.run(scenario())


def test_new_requests_wait_behind_those_that_could_not_be_sent() -> None:
    async def scenario() -> None:
        pos = Pos(RuntimeError(), failures=3)
        pos.lane.offer(outgoing(1))
        await until(lambda: pos._failures < 3)
        assert not pos.lane.reserve()
        pos.lane.offer(outgoing(2))
        await pos.has_sent("frame 1", "frame 2")

    asyncio.run(scenario())


def test_a_repeated_internal_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(error: Exception) -> None:
        pos = Pos(error, failures=5)
        pos.lane.offer(outgoing(1))
        await pos.has_sent("frame 1")

    asyncio.run(scenario(RuntimeError("a fault")))
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    caplog.clear()
    asyncio.run(scenario(OperationalError("away")))
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("end", [Lane.close, Lane.rest], ids=["closed", "about to be closed"])
def test_a_lane_that_ends_while_it_cannot_send_drops_its_requests(end: Callable[[Lane], None]) -> None:
    async def scenario() -> None:
        pos = Pos(RuntimeError(), failures=3)
        poll = transient("a poll")
        pos.lane.offer(outgoing(1))
        await pos.lane.ask(poll)
        pos.may_claim.clear()
        await asyncio.sleep(0)  # the lane takes both requests from its queue and begins to claim the stored one
        end(pos.lane)
        pos.may_claim.set()
        await until(poll.answer.done)
        assert isinstance(poll.answer.exception(), LinkLost)
        await until(lambda: not pos.lane.begun or pos.lane.is_closed)
        assert pos.left == []

    asyncio.run(scenario())


@pytest.mark.parametrize("end", [Lane.close, Lane.rest], ids=["closed", "about to be closed"])
def test_a_transient_request_after_the_end_of_a_lane_is_refused_immediately(end: Callable[[Lane], None]) -> None:
    async def scenario() -> None:
        pos = Pos()
        end(pos.lane)
        poll = transient("a poll")
        await pos.lane.ask(poll)
        assert isinstance(poll.answer.exception(), LinkLost)

    asyncio.run(scenario())


def test_a_transient_request_is_sent_at_once_unless_others_wait_or_the_window_is_full() -> None:
    async def scenario() -> None:
        pos = Pos(window=2)
        pos.may_claim.clear()
        await pos.lane.ask(transient("first"))
        assert pos.left == ["first"]
        pos.lane.offer(outgoing(1))
        await pos.lane.ask(transient("behind a durable request"))
        assert pos.left == ["first"]
        pos.may_claim.set()
        await until(lambda: pos.left == ["first", "frame 1"])
        assert pos.lane.take_answer("first")
        await until(lambda: pos.left == ["first", "frame 1", "behind a durable request"])
        await pos.lane.ask(transient("beyond the window"))
        assert len(pos.left) == 3
        assert pos.lane.take_answer("1")
        await until(lambda: pos.left[3:] == ["beyond the window"])

    asyncio.run(scenario())


def test_a_request_without_a_timely_answer_frees_its_place_for_the_next() -> None:
    async def scenario() -> None:
        pos = Pos(window=1)
        pos.lane.offer(outgoing(1))
        await pos.has_sent("frame 1")
        assert not pos.lane.is_at_rest
        pos.lane.offer(outgoing(2))
        pos.lane.drop_overdue(shared_now())
        assert pos.lane.unanswered == [1]
        pos.lane.drop_overdue(shared_now() + SOON)
        await until(lambda: pos.left == ["frame 1", "frame 2"])
        assert pos.lane.known == {2}
        assert pos.lane.unanswered == [2]

    asyncio.run(scenario())


@pytest.mark.parametrize("failures", [0, 2])
def test_requests_stored_as_sent_are_sent_after_an_older_one_that_is_being_claimed(failures: int) -> None:
    async def scenario() -> None:
        pos = Pos(RuntimeError(), failures)
        pos.may_claim.clear()
        # Reserve places for requests 2 and 3, which are about to be stored.
        assert [pos.lane.reserve() for _ in range(2)] == [True, True]
        pos.lane.offer(outgoing(1))  # another process has just stored this request
        await asyncio.sleep(0)
        for pk in (2, 3):
            assert await pos.lane.send_reserved(outgoing(pk))
        assert pos.left == []
        pos.may_claim.set()
        await pos.has_sent("frame 1", "frame 2", "frame 3")
        assert pos.claimed == [1]  # the others are already stored as sent

    asyncio.run(scenario())


def test_a_request_stored_as_sent_does_not_wait_for_a_newer_one_that_is_being_claimed() -> None:
    async def scenario() -> None:
        pos = Pos()
        pos.may_claim.clear()
        assert pos.lane.reserve()
        pos.lane.offer(outgoing(5))
        await asyncio.sleep(0)
        assert await pos.lane.send_reserved(outgoing(4))
        assert pos.left == ["frame 4"]
        pos.may_claim.set()
        await pos.has_sent("frame 4", "frame 5")

    asyncio.run(scenario())


def test_a_request_claimed_after_the_connection_ended_is_released() -> None:
    async def scenario() -> None:
        pos = Pos()
        pos.may_claim.clear()
        pos.lane.offer(outgoing(1))
        await asyncio.sleep(0)
        pos.lane.close()
        pos.may_claim.set()
        await until(lambda: pos.unsent == [1])
        assert pos.left == []

    asyncio.run(scenario())


def test_the_suspect_that_was_in_flight_alone_is_blamed_for_the_end_of_a_connection() -> None:
    async def scenario() -> None:
        pos = Pos()
        for pk in (1, 2, 3):
            pos.lane.offer(outgoing(pk, disconnects=1))
        await pos.has_sent("frame 1")
        with mock.patch.object(window, "ALONE", 0.0):
            await pos.has_sent("frame 1", "frame 2", "frame 3")
            pos.lane.offer(outgoing(4))
            await pos.has_sent("frame 1", "frame 2", "frame 3", "frame 4")
        assert (pos.lane.unanswered, pos.lane.blamed) == ([1, 2, 3, 4], [1])
        assert pos.lane.take_answer("1")
        assert pos.lane.blamed == [2]

    asyncio.run(scenario())


def test_any_request_that_has_not_ended_a_connection_yet_may_be_the_cause() -> None:
    async def scenario() -> None:
        pos = Pos()
        pos.lane.offer(outgoing(1))
        pos.lane.offer(outgoing(2))
        await pos.has_sent("frame 1", "frame 2")
        with mock.patch.object(window, "ALONE", 0.0):
            pos.lane.offer(outgoing(3, disconnects=2))
            await pos.has_sent("frame 1", "frame 2", "frame 3")
        assert pos.lane.blamed == [1, 2, 3]

    asyncio.run(scenario())


def test_new_requests_and_those_that_ended_one_connection_are_sent_beside_a_slow_suspect() -> None:
    async def scenario() -> None:
        pos = Pos()
        pos.lane.offer(outgoing(9, disconnects=2))
        await pos.has_sent("frame 9")
        with mock.patch.object(window, "ALONE", 0.0):
            pos.lane.offer(outgoing(1, disconnects=2))
            pos.lane.offer(outgoing(2, disconnects=1))
            pos.lane.offer(outgoing(3))
            await until(lambda: sorted(pos._after_a_check()) == ["frame 2", "frame 3", "frame 9"])
            assert pos.lane.take_answer("9")
            assert pos.lane.take_answer("2")
            await until(lambda: "frame 1" in pos._after_a_check())

    asyncio.run(scenario())
