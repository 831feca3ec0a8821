"""The simulated POS connects, answers requests, and reconnects after a pause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import IsolatedAsyncioTestCase, mock

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from integrations.simulator import BackgroundPos, SimulatedPos, Timing, simulated_pos
from integrations.simulator.backoff import BackOff
from integrations.simulator.dialling import dial, retry_after_seconds
from integrations.simulator.simulated_pos import RefusedError
from tests.simulator.sample_requests import ORDERS_REQUEST, PIN_REQUEST, order_numbers
from tests.support.in_process import until
from tests.support.servers.simulator_portal import SECRET, TOKEN, FakePortal, ask, refusal, within

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Clockwork:
    """A clock that advances only when the POS sleeps, and a random source that always gives the longest pause."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    @property
    def timing(self) -> Timing:
        return Timing(
            monotonic=lambda: self.seconds,
            now=lambda: NOON,
            uniform=lambda _low, high: high,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


def test_the_ceiling_of_the_back_off_doubles_from_one_second_to_sixty() -> None:
    back_off = BackOff(lambda _low, high: high)
    assert [back_off.next_pause() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_back_off_can_be_limited() -> None:
    back_off = BackOff(lambda _low, high: high, longest=0.5)
    assert [back_off.next_pause() for _ in range(3)] == [0.5, 0.5, 0.5]


def test_the_back_off_draws_from_zero_up_to_its_ceiling() -> None:
    back_off = BackOff(lambda low, high: low + (high - low) / 4)
    assert [back_off.next_pause(), back_off.next_pause()] == [0.25, 0.5]


def test_the_back_off_is_never_shorter_than_retry_after() -> None:
    assert BackOff(lambda low, _high: low).next_pause(at_least=30) == 30


def test_a_reset_back_off_starts_at_one_second() -> None:
    back_off = BackOff(lambda _low, high: high)
    back_off.next_pause()
    back_off.reset()
    assert back_off.next_pause() == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("999999", 3600),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:00:30", 0),
        ("soon", 0),
        ("-5", 0),
        ("²", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, now=NOON) == seconds


class Connected(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.clockwork = Clockwork()
        self.portal = await self.enterAsyncContext(FakePortal())

    def pos(self, **options: Any) -> SimulatedPos:
        return SimulatedPos(self.portal.credentials, timing=self.clockwork.timing, **options)

    @asynccontextmanager
    async def connected_pos(self) -> AsyncIterator[tuple[SimulatedPos, ServerConnection]]:
        async with self.pos() as pos:
            socket = await self.portal.next_socket()
            await pos.wait_for_connections()
            yield pos, socket

    async def test_it_requests_a_token_and_opens_the_socket_with_it(self) -> None:
        async with self.connected_pos() as (pos, _socket):
            assert pos.is_connected
        assert self.portal.auth_bodies == [
            {"ProviderOutletID": "outlet-1", "POSRemoteID": "TestOrg-1", "AuthSecret": SECRET}
        ]
        assert self.portal.websocket_paths == [f"/?token={TOKEN}"]

    async def test_it_answers_requests_over_the_socket(self) -> None:
        async with self.connected_pos() as (_pos, socket):
            assert (await ask(socket, PIN_REQUEST))["Payload"]["UserName"] == "Manager"
            assert order_numbers(await ask(socket, ORDERS_REQUEST)) == ["S1000001", "S1000003", "S1000002"]

    async def test_frames_that_are_not_requests_are_reported_and_do_not_end_the_connection(self) -> None:
        async with self.connected_pos() as (pos, socket):
            for frame in ("not JSON", "[]", b"\x00\x01"):
                await socket.send(frame)
            assert (await ask(socket, PIN_REQUEST))["ResultCode"] == 0
            assert pos.journal.ignored_frames == 3
            assert "ignored a frame: it is binary" in pos.journal.lines
            assert pos.closures == []

    async def test_a_close_by_the_portal_is_recorded_with_code_and_reason(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await socket.close(4001, "replaced")
            closure = await pos.wait_for_closures()
        assert (closure.code, closure.reason, closure.by_us) == (4001, "replaced", False)
        assert "connection closed by the portal, code 4001 (replaced)" in pos.journal.lines

    async def test_a_broken_link_is_recorded_as_1006(self) -> None:
        async with self.connected_pos() as (pos, socket):
            socket.transport.abort()
            assert (await pos.wait_for_closures()).code == 1006

    async def test_it_reconnects_after_a_close_with_a_new_token(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await socket.close()
            await pos.wait_for_connections(2)
        assert len(self.portal.auth_bodies) == 2

    async def test_stopping_closes_with_1000(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await pos.stop()
            await within(socket.wait_closed())
        assert socket.close_code == 1000
        assert (pos.closures[0].code, pos.closures[0].by_us) == (1000, True)
        assert not pos.is_connected

    async def test_a_refusal_has_the_portals_message_and_is_retried(self) -> None:
        self.portal.auth_script.append(refusal(401, "The auth secret was not valid!"))
        async with self.connected_pos() as (pos, _socket):
            assert (pos.refusals[0].status, pos.refusals[0].message) == (
                401,
                "The auth secret was not valid!",
            )
        assert "refused by the auth endpoint (HTTP 401): The auth secret was not valid!" in pos.journal.lines

    async def test_a_refusal_with_status_200_is_a_refusal(self) -> None:
        self.portal.auth_script.append(refusal(200, "Disabled."))
        async with self.connected_pos() as (pos, _socket):
            assert pos.refusals[0].message == "Disabled."

    async def test_a_refused_handshake_has_the_message_and_is_retried_with_a_new_token(self) -> None:
        self.portal.handshake_script.append(refusal(401, "The token has expired."))
        async with self.connected_pos() as (pos, _socket):
            assert (pos.refusals[0].stage, pos.refusals[0].message) == ("websocket", "The token has expired.")
        assert len(self.portal.auth_bodies) == 2

    async def test_a_redirect_of_the_handshake_is_a_refusal(self) -> None:
        self.portal.handshake_script.append(refusal(302, "Moved.", Location=self.portal.credentials.websocket_url))
        async with self.connected_pos() as (pos, _socket):
            assert pos.refusals[0].status == 302

    async def test_the_pauses_double_while_it_is_refused(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 8)
        async with self.connected_pos():
            assert self.clockwork.pauses == [1, 2, 4, 8, 16, 32, 60, 60]

    async def test_the_pauses_honour_retry_after_of_both_endpoints(self) -> None:
        self.portal.auth_script.append(refusal(429, "Slow down.", Retry_After="40"))
        self.portal.handshake_script.append(refusal(503, "Restarting.", Retry_After="Sun, 01 Mar 2026 12:00:10 GMT"))
        async with self.connected_pos():
            assert self.clockwork.pauses == [41, 12]

    async def test_a_connection_that_stayed_up_resets_the_back_off(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 3)
        async with self.connected_pos() as (pos, socket):
            self.clockwork.seconds += 5
            await socket.close()
            await pos.wait_for_connections(2)
        assert self.clockwork.pauses == [1, 2, 4, 1]

    async def test_a_connection_that_ended_at_once_does_not_reset_the_back_off(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 3)
        async with self.connected_pos() as (pos, socket):
            self.clockwork.seconds += 4.9
            await socket.close()
            await pos.wait_for_connections(2)
        assert self.clockwork.pauses == [1, 2, 4, 8]

    async def test_an_unreachable_portal_is_retried(self) -> None:
        nowhere = replace(self.portal.credentials, auth_url="http://127.0.0.1:9/")
        async with SimulatedPos(nowhere, timing=self.clockwork.timing) as pos:
            first = await pos.wait_for_refusals(2)
        assert (first.stage, first.status) == ("auth endpoint", None)

    async def test_an_unreachable_websocket_is_retried(self) -> None:
        nowhere = replace(self.portal.credentials, websocket_url="ws://127.0.0.1:9/")
        async with SimulatedPos(nowhere, timing=self.clockwork.timing) as pos:
            first = await pos.wait_for_refusals(2)
        assert (first.stage, first.status) == ("websocket", None)

    async def test_with_once_the_first_refusal_ends_it(self) -> None:
        self.portal.auth_script.append(refusal(403, "Disabled."))
        with pytest.raises(RefusedError, match="Disabled"):
            await within(self.pos(once=True).run())
        assert self.clockwork.pauses == []

    async def test_waiting_fails_at_once_with_the_reason_if_the_pos_has_ended(self) -> None:
        self.portal.auth_script.append(refusal(403, "Disabled."))
        async with self.pos(once=True) as pos:
            with pytest.raises(RuntimeError, match="Disabled"):
                await pos.wait_for_connections()

    async def test_a_wait_that_times_out_shows_the_lines_of_the_pos(self) -> None:
        async with self.connected_pos() as (pos, _socket):
            with pytest.raises(TimeoutError, match="connected to ws://"):
                await pos.wait_for_closures(limit=0.01)

    async def test_neither_secret_nor_token_is_ever_printed(self) -> None:
        self.portal.auth_script.append(refusal(401, f"{SECRET} is wrong"))
        self.portal.handshake_script.append(refusal(401, f"{TOKEN} is void"))
        async with self.connected_pos() as (pos, socket):
            await ask(socket, PIN_REQUEST | {"RequestID": TOKEN})
            await socket.close(4000, TOKEN)
            await pos.wait_for_closures()
        said = "\n".join(pos.journal.lines)
        assert "[hidden] is wrong" in said
        assert SECRET not in said
        assert TOKEN not in said

    async def test_it_can_run_in_its_own_thread(self) -> None:
        closure = await asyncio.to_thread(self.meet_from_a_thread, asyncio.get_running_loop())
        assert (closure.code, closure.reason) == (4002, "enough")

    def meet_from_a_thread(self, loop: asyncio.AbstractEventLoop) -> Any:
        with BackgroundPos(self.portal.credentials) as background:
            background.wait_for_connections()
            assert background.pos.is_connected
            asyncio.run_coroutine_threadsafe(self.close_next_socket(), loop)
            return background.wait_for_closures()

    async def close_next_socket(self) -> None:
        await (await self.portal.next_socket()).close(4002, "enough")


def test_a_pos_that_is_stopped_while_it_waits_for_the_end_of_its_connection_aborts_it() -> None:
    async def scenario() -> None:
        opened: list[ClientConnection] = []

        async def dial_and_keep(url: str, token: str) -> ClientConnection:
            opened.append(await dial(url, token))
            return opened[0]

        async with FakePortal() as portal:
            with mock.patch.object(simulated_pos, "dial", dial_and_keep):
                running = asyncio.create_task(SimulatedPos(portal.credentials).run())
                socket = await portal.next_socket()
                await until(lambda: opened)
            socket.transport.pause_reading()  # so the portal does not answer the POS's close frame
            running.cancel()
            await until(lambda: opened[0].protocol.close_sent is not None)
            running.cancel()
            await asyncio.wait({running})
            assert opened[0].transport.is_closing()
            socket.transport.resume_reading()

    asyncio.run(scenario())
