"""Unrecognised frames of a POS are counted, and some are stored."""

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
        """Send frames, close the connection, and return the stored frames."""
        async with PosSocket(self.token) as pos:
            await pos.connect()
            for frame in frames:
                pos.send_text(frame) if isinstance(frame, str) else pos.send_bytes(frame)
            await pos.disconnect()
        await recorded()
        return [row async for row in UnrecognisedFrame.objects.order_by("pk")]

    async def test_invalid_binary_and_unknown_frames_are_stored_and_do_not_end_the_connection(self) -> None:
        stored = await self.sent("not json", b"\x00\x01", "[]", '{"RequestID": "1"}', "", b"", "[" * 50_000)
        assert [row.kind for row in stored] == [
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

    async def test_an_unrecognised_frame_is_stored_with_its_connection_time_size_and_text(self) -> None:
        (frame,) = await self.sent('{"Hello": "\u4e16\u754c"}')
        row = await Connection.objects.aget()
        assert (frame.integration_id, frame.connection_id) == (self.harbour.integration.pk, row.pk)
        assert frame.size == len('{"Hello": "\u4e16\u754c"}'.encode())
        assert json.loads(frame.excerpt) == {"Hello": "\u4e16\u754c"}

    async def test_secrets_tokens_and_pins_in_an_unrecognised_frame_are_redacted(self) -> None:
        stored = await self.sent(
            json.dumps({"AuthSecret": "sharedS3cr3t!", "PIN": "1234", "AccessToken": self.token}),
            f"my secret is {SECRET} and the address is /?token={self.token}",
            json.dumps({"a": "x" * 1_975 + SECRET}),
        )
        kept = " ".join(row.excerpt for row in stored)
        for hidden in ("sharedS3cr3t!", "1234", self.token, SECRET, SECRET[:30], SECRET[16:]):
            assert hidden not in kept

    async def test_a_very_long_unrecognised_frame_is_shortened(self) -> None:
        (row,) = await self.sent("x" * 1_000_000)
        assert (len(row.excerpt), row.size) == (2_000, 1_000_000)

    async def test_an_unrecognised_frame_with_characters_that_no_database_accepts_is_stored(self) -> None:
        stored = await self.sent("a\x00b", '{"a": "\\u0000\\ud800"}')
        assert [row.kind for row in stored] == [UnrecognisedFrameKind.NOT_JSON, UnrecognisedFrameKind.UNKNOWN]
        assert "\x00" not in "".join(row.excerpt for row in stored)

    async def test_fifty_unrecognised_frames_of_a_connection_are_stored_and_all_counted(self) -> None:
        stored = await self.sent(*[f"frame {number}" for number in range(60)])
        assert len(stored) == 50
        assert (await Connection.objects.aget()).unrecognised_frames == 60

    async def test_no_unrecognised_frame_is_answered(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            pos.send_text('{"RequestID": "1", "MessageType": 0}')
            await until(lambda: next(iter(_running().registry)).frames_in)
            assert not pos.has_more()
            await pos.disconnect()

    async def test_a_flood_of_frames_closes_only_its_own_connection(self) -> None:
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

    async def test_too_many_bytes_close_the_connection_too(self) -> None:
        with mock.patch.object(allowance, "BYTES_PER_SECOND", 1024):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                pos.send_text("x" * 20_000)
                assert (await pos.closed())[0] == 1008

    async def test_an_internal_error_closes_the_connection_with_the_internal_code(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        async with PosSocket(self.token) as pos:
            await pos.connect()
            pos.send({"type": "websocket.receive"})  # no text and no bytes; uvicorn and daphne never send this
            assert (await pos.closed())[0] == 1011
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.INTERNAL

    async def test_many_successive_connections_leave_one_row_each_and_no_outlet_online(self) -> None:
        for _ in range(50):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await pos.disconnect()
        running = await recorded()
        assert (len(running.registry), await Connection.objects.acount()) == (0, 50)
        assert not (await Presence.objects.aget()).is_online

    async def test_frames_after_the_close_are_not_read(self) -> None:
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
