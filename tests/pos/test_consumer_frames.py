"""What a POS sends on its websocket, and what is kept of it."""

import asyncio
import json
import logging
from unittest import mock

from integrations.models import Connection, Presence, UnrecognisedFrame
from integrations.models.attempt import UnrecognisedFrameKind
from integrations.models.connection import CloseReason
from integrations.pos.limits import allowance
from integrations.relay import runtime
from tests.pos.connecting import Connecting, the_live, token_for
from tests.support.asgi_client import PosSocket
from tests.support.factories import make_enabled_outlet
from tests.support.in_process import in_main, recorded, until

SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"


class Sending(Connecting):
    async def sent(self, *frames: str | bytes) -> list[UnrecognisedFrame]:
        """Send frames, hang up, and return what was kept."""
        async with PosSocket(self.token) as pos:
            await pos.connect()
            for frame in frames:
                pos.send_text(frame) if isinstance(frame, str) else pos.send_bytes(frame)
            await pos.disconnect()
        await recorded()
        return [stray async for stray in UnrecognisedFrame.objects.order_by("pk")]

    async def test_bad_json_binary_and_unknown_frames_are_kept_and_do_not_kill_the_connection(self) -> None:
        strays = await self.sent("not json", b"\x00\x01", "[]", '{"RequestID": "1"}', "", b"", "[" * 50_000)
        assert [stray.kind for stray in strays] == [
            UnrecognisedFrameKind.NOT_JSON,
            UnrecognisedFrameKind.BINARY,
            UnrecognisedFrameKind.NOT_AN_OBJECT,
            UnrecognisedFrameKind.UNKNOWN,
            UnrecognisedFrameKind.NOT_JSON,
            UnrecognisedFrameKind.BINARY,
            UnrecognisedFrameKind.NOT_JSON,
        ]
        row = await Connection.objects.aget()
        assert (row.frames_in, row.unrecognised_frames, row.close_reason) == (7, 7, CloseReason.BY_POS)

    async def test_a_stray_says_whose_when_how_large_and_what(self) -> None:
        (stray,) = await self.sent('{"Hello": "\u4e16\u754c"}')
        row = await Connection.objects.aget()
        assert (stray.integration_id, stray.connection_id) == (self.harbour.integration.pk, row.pk)
        assert stray.size == len('{"Hello": "\u4e16\u754c"}'.encode())
        assert json.loads(stray.excerpt) == {"Hello": "\u4e16\u754c"}

    async def test_secrets_tokens_and_pins_in_a_stray_are_redacted(self) -> None:
        strays = await self.sent(
            json.dumps({"AuthSecret": "sharedS3cr3t!", "PIN": "1234", "AccessToken": self.token}),
            f"my secret is {SECRET} and the address is /?token={self.token}",
            json.dumps({"a": "x" * 1_975 + SECRET}),
        )
        kept = " ".join(stray.excerpt for stray in strays)
        for hidden in ("sharedS3cr3t!", "1234", self.token, SECRET, SECRET[:30], SECRET[16:]):
            assert hidden not in kept

    async def test_a_huge_stray_is_shortened(self) -> None:
        (stray,) = await self.sent("x" * 1_000_000)
        assert (len(stray.excerpt), stray.size) == (2_000, 1_000_000)

    async def test_a_stray_with_what_no_database_takes_is_kept_nevertheless(self) -> None:
        strays = await self.sent("a\x00b", '{"a": "\\u0000\\ud800"}')
        assert [stray.kind for stray in strays] == [UnrecognisedFrameKind.NOT_JSON, UnrecognisedFrameKind.UNKNOWN]
        assert "\x00" not in "".join(stray.excerpt for stray in strays)

    async def test_of_one_connection_fifty_strays_are_kept_and_all_are_counted(self) -> None:
        strays = await self.sent(*[f"frame {number}" for number in range(60)])
        assert len(strays) == 50
        assert (await Connection.objects.aget()).unrecognised_frames == 60

    async def test_no_frame_is_answered(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            pos.send_text('{"RequestID": "1", "MessageType": 0}')
            await until(lambda: next(iter(_running().registry)).frames_in)
            assert not pos.has_more()
            await pos.disconnect()

    async def test_a_flood_closes_that_connection_and_no_other(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        async with PosSocket(self.token) as flooding, PosSocket(await in_main(token_for, station)) as calm:
            await calm.connect()
            with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):
                await flooding.connect()
                for _ in range(200):
                    flooding.send_text("x")
                assert (await flooding.closed())[0] == 1008
            calm.send_text("x")
            await calm.disconnect()
        await recorded()
        row = await Connection.objects.aget(integration=self.harbour.integration)
        assert (row.close_reason, row.close_code) == (CloseReason.FLOODING, 1008)
        assert row.frames_in < 15
        other = await Connection.objects.aget(integration=station.integration)
        assert (other.close_reason, other.frames_in) == (CloseReason.BY_POS, 1)

    async def test_too_many_bytes_are_a_flood_too(self) -> None:
        with mock.patch.object(allowance, "BYTES_PER_SECOND", 1024):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                pos.send_text("x" * 20_000)
                assert (await pos.closed())[0] == 1008

    async def test_a_fault_of_ours_closes_that_connection_with_the_internal_code(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        async with PosSocket(self.token) as pos:
            await pos.connect()
            pos.send({"type": "websocket.receive"})  # neither text nor bytes: no server of ours sends it
            assert (await pos.closed())[0] == 1011
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.INTERNAL

    async def test_many_connections_one_after_another_leave_one_row_each_and_nobody_online(self) -> None:
        for _ in range(50):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await pos.disconnect()
        running = await recorded()
        assert (len(running.registry), await Connection.objects.acount()) == (0, 50)
        assert not (await Presence.objects.aget()).is_online

    async def test_what_comes_after_the_close_is_not_read(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            live = await the_live()
            live.socket.close_soon(CloseReason.DISABLED)
            pos.send_text("late")
            await asyncio.sleep(0)
            await pos.closed()
        assert (live.frames_in, live.unrecognised_frames) == (0, 0)


def _running() -> runtime.Runtime:
    running = runtime.current()
    assert running is not None
    return running
