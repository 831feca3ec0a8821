"""The POS's websocket, through the whole portal: who gets in, what is kept, how it ends."""

import asyncio
import json
import logging
from typing import Any
from unittest import mock

from django.test import override_settings
from django.utils import timezone

from integrations.models import AuthAttempt, Connection, Integration, Presence, StrayFrame
from integrations.models.attempt import Door, Outcome, StrayFrameKind
from integrations.models.connection import CloseReason
from integrations.pos import tokens
from integrations.pos.close_codes import CLOSE_CODES, code_for
from integrations.pos.limits import allowance
from integrations.pos.tokens import Token
from integrations.relay import runtime
from integrations.relay.sockets.registry import Live
from integrations.services.integration.enabling import disable, reenable
from integrations.services.integration.pos_secrets import rotate_secret
from tests.support.asgi_client import ON_DAPHNE, PosSocket
from tests.support.factories import ANNA, Enabled, make_enabled_outlet
from tests.support.in_process import InProcess, in_main, recorded, until

SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"


def token_for(enabled: Enabled) -> str:
    integration = Integration.objects.get(pk=enabled.integration.pk)
    return tokens.issue(Token(integration.pk, integration.current_credential().pk, integration.generation))


async def the_live() -> Live:
    (live,) = (await runtime.running()).registry
    return live


class Connecting(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()
        self.token = token_for(self.harbour)


class Coming(Connecting):
    async def test_a_token_in_the_query_opens_the_socket_at_the_root(self) -> None:
        async with PosSocket(self.token, headers={"user-agent": "PowerEPOS/8.1"}) as pos:
            await pos.connect()
            await recorded()
            row = await Connection.objects.aget()
            assert (row.integration_id, row.closed_at) == (self.harbour.integration.pk, None)
            assert (row.address, row.user_agent) == ("198.51.100.7", "PowerEPOS/8.1")
            presence = await Presence.objects.select_related("connection__process").aget()
            assert presence.is_online_at(timezone.now())
            await pos.hang_up()

    async def test_a_token_in_the_authorization_header_opens_it_too(self) -> None:
        for scheme in ("Bearer", "bearer", "BEARER"):
            async with PosSocket(headers={"authorization": f"{scheme} {self.token}"}) as pos:
                await pos.connect()
                await pos.hang_up()

    async def test_the_first_subprotocol_that_is_one_is_chosen(self) -> None:
        for offered, chosen in (
            (["a", "b"], "a"),
            (["", "x y", "b"], "b"),
            ([""], None),
            ([], None),
            (["x" * 5_000], "x" * 5_000),
        ):
            async with PosSocket(self.token) as pos:
                pos.scope["subprotocols"] = offered
                pos.send({"type": "websocket.connect"})
                answer = await pos.next()
                assert (answer["type"], answer.get("subprotocol")) == ("websocket.accept", chosen)
                await pos.hang_up()

    async def test_a_token_may_be_used_again(self) -> None:
        for _ in range(3):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await pos.hang_up()
        await recorded()
        assert await Connection.objects.acount() == 3

    async def test_the_empty_path_is_the_root(self) -> None:
        async with PosSocket(self.token, path="") as pos:
            await pos.connect()
            await pos.hang_up()

    async def test_whatever_origin_a_till_sends_its_token_decides_and_the_origin_is_recorded(self) -> None:
        origins = ["", "file://", "http://127.0.0.1:8000", "http://[::1", "https://elsewhere.example", "null"]
        origins += ["ws://portal.example:443"]
        for origin in origins:
            async with PosSocket(self.token, headers={"origin": origin}) as pos:
                await pos.connect()
                await pos.hang_up()
        await recorded()
        rows = Connection.objects.order_by("origin")
        assert [row async for row in rows.values_list("origin", flat=True)] == origins

    async def test_an_origin_of_any_length_and_of_any_characters_is_recorded_shortened(self) -> None:
        async with PosSocket(self.token, headers={"origin": "\x85null" + "x" * 300}) as pos:
            await pos.connect()
            await pos.hang_up()
        await recorded()
        assert (await Connection.objects.aget()).origin == "\N{REPLACEMENT CHARACTER}null" + "x" * 195

    async def test_a_refused_handshake_is_recorded_with_the_origin_that_was_sent(self) -> None:
        async with PosSocket("forged", headers={"origin": "null"}) as pos:
            assert (await pos.refusal()).status == 401
        await recorded()
        assert (await AuthAttempt.objects.aget()).detail == "The Origin header was null"

    async def test_surplus_slashes_and_blanks_in_the_path_are_still_the_root(self) -> None:
        for path in ("//", "///", "/ ", "/\u200b/"):
            async with PosSocket(self.token, path=path) as pos:
                await pos.connect()
                await pos.hang_up()

    async def test_the_token_s_name_may_be_in_any_letter_case_and_blanks_around_it_are_passed_over(self) -> None:
        for query in (f"Token={self.token}", f"TOKEN={self.token}%0d%0a", f"token=%20{self.token}+"):
            async with PosSocket(query=query) as pos:
                await pos.connect()
                await pos.hang_up()

    async def test_a_websocket_on_another_path_is_told_the_right_one_and_recorded_under_its_outlet(self) -> None:
        for path in ("/ws", "/api/powerepos/v1/auth", "/socket/?"):
            async with PosSocket(self.token, path=path) as pos:
                answer = await pos.refusal()
            assert (answer.status, list(answer.json())) == (404, ["ErrorMessage"])
            assert "ws://127.0.0.1:8000/?token=" in answer.json()["ErrorMessage"]
        await recorded()
        rows = [row async for row in AuthAttempt.objects.order_by("pk")]
        assert [(row.outcome, row.door) for row in rows] == [(Outcome.WRONG_PATH, Door.WEBSOCKET)] * 3
        assert {row.integration_id for row in rows} == {self.harbour.integration.pk}
        assert rows[0].detail == "The path was /ws"


class BeingRefused(Connecting):
    async def refused(self, pos: PosSocket, status: int = 401) -> str:
        async with pos:
            answer = await pos.refusal()
        assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert list(answer.json()) == ["ErrorMessage"]
        return str(answer.json()["ErrorMessage"])

    async def outcomes(self) -> list[str]:
        await recorded()
        rows = AuthAttempt.objects.filter(door=Door.WEBSOCKET).order_by("pk")
        return [row async for row in rows.values_list("outcome", flat=True)]

    async def test_no_token_is_401_with_an_error_message(self) -> None:
        await self.refused(PosSocket())
        await self.refused(PosSocket(query="token="))
        await self.refused(PosSocket(query="other=1"))
        await self.refused(PosSocket(headers={"authorization": "Basic YTpi"}))
        assert await self.outcomes() == [Outcome.TOKEN_MISSING] * 4

    async def test_a_forged_token_is_401(self) -> None:
        for forged in ("x", self.token[:-2] + "AA", self.token + "x", "x%00x", "%ff%fe", "x" * 10_000):
            await self.refused(PosSocket(query=f"token={forged}"))
        assert await self.outcomes() == [Outcome.TOKEN_FORGED] * 6

    async def test_a_voided_token_is_401_and_the_reason_is_recorded(self) -> None:
        await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        await self.refused(PosSocket(self.token))
        assert await self.outcomes() == [Outcome.TOKEN_VOID]
        assert (await AuthAttempt.objects.aget()).integration_id == self.harbour.integration.pk

    async def test_an_expired_token_is_401(self) -> None:
        with override_settings(POS_TOKEN_LIFETIME=-1):
            await self.refused(PosSocket(self.token))
        assert await self.outcomes() == [Outcome.TOKEN_EXPIRED]

    async def test_a_disabled_integration_is_refused(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await self.refused(PosSocket(self.token))
        assert await self.outcomes() == [Outcome.DISABLED]

    async def test_a_draining_server_refuses_with_503_and_retry_after(self) -> None:
        (await runtime.running()).is_draining = True
        async with PosSocket(self.token) as pos:
            answer = await pos.refusal()
        assert (answer.status, "retry-after" in answer.headers) == (503, True)

    async def test_any_other_path_is_refused_and_not_a_500(self) -> None:
        for path in ("/other", "/api/powerepos/v1/auth", "/admin/", "/%00", "/\u00e4"):
            await self.refused(PosSocket(self.token, path=path), 404)

    async def test_on_daphne_a_refusal_is_a_bare_close_before_the_accept(self) -> None:
        for pos in (PosSocket(extensions=ON_DAPHNE), PosSocket(self.token, path="/other", extensions=ON_DAPHNE)):
            async with pos:
                pos.send({"type": "websocket.connect"})
                assert (await pos.next())["type"] == "websocket.close"

    async def test_a_refused_handshake_makes_no_connection(self) -> None:
        await self.refused(PosSocket("forged"))
        await recorded()
        assert not await Connection.objects.aexists()


class Ending(Connecting):
    async def test_the_newest_wins_and_the_older_is_closed_with_its_own_code(self) -> None:
        async with PosSocket(self.token) as old, PosSocket(self.token) as new:
            await old.connect()
            await new.connect()
            assert (await old.closed())[0] == code_for(CloseReason.REPLACED) == 4409
            await recorded()
            assert (await Connection.objects.aget(closed_at=None)).pk == (await the_live()).id
            closed = await Connection.objects.aget(closed_at__isnull=False)
            assert (closed.close_reason, closed.close_code) == (CloseReason.REPLACED, 4409)
            assert (await Presence.objects.aget()).is_online
            await new.hang_up()

    async def test_after_many_takeovers_a_newcomer_is_told_when_to_try_again_and_the_other_till_stays(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            running = await runtime.running()
            for _ in range(20):
                running.registry.takeovers.note(self.harbour.integration.pk)
            with mock.patch("integrations.pos.limits.second_till.HELD_SECONDS", 0.01):
                async with PosSocket(self.token) as newcomer:
                    newcomer.send({"type": "websocket.connect"})
                    answer = await newcomer.next()
            assert (answer["status"], dict(answer["headers"])[b"retry-after"]) == (503, b"60")
            await recorded()
            assert (await AuthAttempt.objects.aget(door=Door.WEBSOCKET)).outcome == Outcome.SECOND_TILL
            assert (await Connection.objects.aget()).closed_at is None
            await pos.hang_up()

    async def test_after_many_takeovers_a_till_that_was_gone_gets_in_at_once(self) -> None:
        running = await runtime.running()
        for _ in range(20):
            running.registry.takeovers.note(self.harbour.integration.pk)
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await pos.hang_up()

    async def test_disabling_closes_at_once_and_voids_the_token(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
            assert await pos.closed() == (1000, CLOSE_CODES[CloseReason.DISABLED].meaning)
        async with PosSocket(self.token) as pos:
            await pos.refusal()
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.DISABLED
        assert not (await Presence.objects.aget()).is_online

    async def test_enabled_again_the_pos_connects_again_with_a_new_token(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        async with PosSocket(await in_main(token_for, self.harbour)) as pos:
            await pos.connect()
            await pos.hang_up()

    async def test_rotating_without_overlap_closes_at_once(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
            assert (await pos.closed())[0] == code_for(CloseReason.CREDENTIAL_RETIRED)

    async def test_a_change_between_the_check_of_the_token_and_the_accept_closes_too(self) -> None:
        async with PosSocket(self.token) as pos:
            running = await runtime.running()
            pos.send({"type": "websocket.connect"})
            await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
            first = await pos.next()
            await running.watcher.look()
            if first["type"] == "websocket.accept":
                assert (await pos.closed())[0] == code_for(CloseReason.DISABLED)

    async def test_the_close_codes_are_a_setting(self) -> None:
        with override_settings(POS_CLOSE_CODES={"disabled": 4003}):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
                assert (await pos.closed())[0] == 4003

    async def test_daphne_is_given_only_the_codes_that_it_can_send(self) -> None:
        assert code_for(CloseReason.FLOODING, only_private=True) == 1000
        assert code_for(CloseReason.REPLACED, only_private=True) == 4409
        with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):
            async with PosSocket(self.token, extensions=ON_DAPHNE) as pos:
                await pos.connect()
                for _ in range(11):
                    pos.say("{}")
                assert (await pos.closed())[0] == 1000

    async def test_how_the_pos_ended_it_is_told_apart(self) -> None:
        endings: list[tuple[int, dict[str, Any], CloseReason]] = [
            (1000, {"reason": ""}, CloseReason.BY_POS),
            (1001, {"reason": ""}, CloseReason.BY_POS),
            (1005, {"reason": ""}, CloseReason.BY_POS),
            (1005, {}, CloseReason.LINK_LOST),
            (1006, {}, CloseReason.LINK_LOST),
            (1009, {}, CloseReason.TOO_LARGE),
            (4711, {}, CloseReason.BY_POS),
        ]
        for code, event, reason in endings:
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await pos.hang_up(code, **event)
            await recorded()
            row = await Connection.objects.alatest("opened_at")
            assert (row.close_code, row.close_reason) == (code, reason)

    async def test_a_socket_whose_server_gives_up_without_a_word_is_taken_off_the_books(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
        running = await recorded()
        assert len(running.registry) == 0
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART

    async def test_a_pos_that_goes_before_it_is_accepted_leaves_nothing(self) -> None:
        async with PosSocket(self.token) as pos:
            pos.send({"type": "websocket.connect"})
            pos.send({"type": "websocket.disconnect", "code": 1006})
            await pos.ended()
        running = await recorded()
        assert len(running.registry) == 0
        assert not await Connection.objects.filter(closed_at=None).aexists()

    async def test_a_restart_closes_with_its_own_reason(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            (await the_live()).socket.close_soon(CloseReason.RESTART)
            assert await pos.closed() == (1000, "The server restarts.")
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART

    async def test_the_first_reason_to_close_stands(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            live = await the_live()
            live.socket.close_soon(CloseReason.DISABLED)
            live.socket.close_soon(CloseReason.REPLACED)
            await pos.closed()
            assert not pos.has_more()
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.DISABLED


class Sending(Connecting):
    async def sent(self, *frames: str | bytes) -> list[StrayFrame]:
        """Send frames, hang up, and return what was kept."""
        async with PosSocket(self.token) as pos:
            await pos.connect()
            for frame in frames:
                pos.say(frame) if isinstance(frame, str) else pos.say_bytes(frame)
            await pos.hang_up()
        await recorded()
        return [stray async for stray in StrayFrame.objects.order_by("pk")]

    async def test_bad_json_binary_and_unknown_frames_are_kept_and_do_not_kill_the_connection(self) -> None:
        strays = await self.sent("not json", b"\x00\x01", "[]", '{"RequestID": "1"}', "", b"", "[" * 50_000)
        assert [stray.kind for stray in strays] == [
            StrayFrameKind.NOT_JSON,
            StrayFrameKind.BINARY,
            StrayFrameKind.NOT_AN_OBJECT,
            StrayFrameKind.UNKNOWN,
            StrayFrameKind.NOT_JSON,
            StrayFrameKind.BINARY,
            StrayFrameKind.NOT_JSON,
        ]
        row = await Connection.objects.aget()
        assert (row.frames_in, row.stray_frames, row.close_reason) == (7, 7, CloseReason.BY_POS)

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
        assert [stray.kind for stray in strays] == [StrayFrameKind.NOT_JSON, StrayFrameKind.UNKNOWN]
        assert "\x00" not in "".join(stray.excerpt for stray in strays)

    async def test_of_one_connection_fifty_strays_are_kept_and_all_are_counted(self) -> None:
        strays = await self.sent(*[f"frame {number}" for number in range(60)])
        assert len(strays) == 50
        assert (await Connection.objects.aget()).stray_frames == 60

    async def test_no_frame_is_answered(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            pos.say('{"RequestID": "1", "MessageType": 0}')
            await until(lambda: next(iter(_running().registry)).frames_in)
            assert not pos.has_more()
            await pos.hang_up()

    async def test_a_flood_closes_that_connection_and_no_other(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        async with PosSocket(self.token) as flooding, PosSocket(await in_main(token_for, station)) as calm:
            await calm.connect()
            with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):
                await flooding.connect()
                for _ in range(200):
                    flooding.say("x")
                assert (await flooding.closed())[0] == 1008
            calm.say("x")
            await calm.hang_up()
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
                pos.say("x" * 20_000)
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
                await pos.hang_up()
        running = await recorded()
        assert (len(running.registry), await Connection.objects.acount()) == (0, 50)
        assert not (await Presence.objects.aget()).is_online

    async def test_what_comes_after_the_close_is_not_read(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            live = await the_live()
            live.socket.close_soon(CloseReason.DISABLED)
            pos.say("late")
            await asyncio.sleep(0)
            await pos.closed()
        assert (live.frames_in, live.stray_frames) == (0, 0)


def _running() -> runtime.Runtime:
    running = runtime.current()
    assert running is not None
    return running
