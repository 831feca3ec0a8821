"""A POS's websocket ends with the right close code and reason."""

from typing import Any
from unittest import mock

from django.test import override_settings

from integrations.models import AuthAttempt, Connection, Presence
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.connection import CloseReason
from integrations.pos.close_codes import CLOSE_CODES, code_for
from integrations.pos.limits import allowance
from integrations.relay import runtime
from integrations.services.integration.enabling import disable, reenable
from integrations.services.integration.pos_secrets import rotate_secret
from tests.pos.connecting import Connecting, the_live, token_for
from tests.support.asgi_client import ON_DAPHNE, PosSocket
from tests.support.factories import ANNA
from tests.support.in_process import in_main, recorded


class Ending(Connecting):
    async def test_the_newest_connection_wins_and_the_older_is_closed_with_its_own_code(self) -> None:
        async with PosSocket(self.token) as old, PosSocket(self.token) as new:
            await old.connect()
            await new.connect()
            assert (await old.closed())[0] == code_for(CloseReason.REPLACED) == 4409
            await recorded()
            assert (await Connection.objects.aget(closed_at=None)).pk == (await the_live()).id
            closed = await Connection.objects.aget(closed_at__isnull=False)
            assert (closed.close_reason, closed.close_code) == (CloseReason.REPLACED, 4409)
            assert (await Presence.objects.aget()).is_online
            await new.disconnect()

    async def test_after_many_takeovers_a_new_connection_is_refused_with_retry_after_and_the_open_one_stays(
        self,
    ) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            running = await runtime.running()
            for _ in range(20):
                running.registry.takeovers.note(self.harbour.integration.pk)
            with mock.patch("integrations.pos.access.second_till.HELD_SECONDS", 0.01):
                async with PosSocket(self.token) as newcomer:
                    newcomer.send({"type": "websocket.connect"})
                    answer = await newcomer.next()
            assert (answer["status"], dict(answer["headers"])[b"retry-after"]) == (503, b"60")
            await recorded()
            assert (await AuthAttempt.objects.aget(endpoint=PosEndpoint.WEBSOCKET)).outcome == Outcome.SECOND_TILL
            assert (await Connection.objects.aget()).closed_at is None
            await pos.disconnect()

    async def test_after_many_takeovers_a_till_whose_link_was_lost_connects_at_once(self) -> None:
        running = await runtime.running()
        for _ in range(20):
            running.registry.takeovers.note(self.harbour.integration.pk)
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await pos.disconnect()

    async def test_disabling_closes_the_connection_at_once_and_revokes_the_token(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
            assert await pos.closed() == (1000, CLOSE_CODES[CloseReason.DISABLED].meaning)
        async with PosSocket(self.token) as pos:
            await pos.refusal()
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.DISABLED
        assert not (await Presence.objects.aget()).is_online

    async def test_after_reenabling_the_pos_connects_with_a_new_token(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        async with PosSocket(await in_main(token_for, self.harbour)) as pos:
            await pos.connect()
            await pos.disconnect()

    async def test_rotating_without_overlap_closes_the_connection_at_once(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
            assert (await pos.closed())[0] == code_for(CloseReason.CREDENTIAL_RETIRED)

    async def test_a_change_between_token_check_and_accept_closes_the_connection(self) -> None:
        async with PosSocket(self.token) as pos:
            running = await runtime.running()
            pos.send({"type": "websocket.connect"})
            await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
            first = await pos.next()
            await running.watcher.poll()
            if first["type"] == "websocket.accept":
                assert (await pos.closed())[0] == code_for(CloseReason.DISABLED)

    async def test_the_close_codes_can_be_configured(self) -> None:
        with override_settings(POS_CLOSE_CODES={"disabled": 4003}):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
                assert (await pos.closed())[0] == 4003

    async def test_daphne_gets_only_the_codes_that_it_can_send(self) -> None:
        assert code_for(CloseReason.FLOODING, only_private=True) == 1000
        assert code_for(CloseReason.REPLACED, only_private=True) == 4409
        with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):
            async with PosSocket(self.token, extensions=ON_DAPHNE) as pos:
                await pos.connect()
                for _ in range(11):
                    pos.send_text("{}")
                assert (await pos.closed())[0] == 1000

    async def test_the_ways_in_which_a_pos_ends_its_connection_are_distinguished(self) -> None:
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
                await pos.disconnect(code, **event)
            await recorded()
            row = await Connection.objects.alatest("opened_at")
            assert (row.close_code, row.close_reason) == (code, reason)

    async def test_a_connection_that_the_server_drops_without_notice_is_recorded_as_closed(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
        running = await recorded()
        assert len(running.registry) == 0
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART

    async def test_a_pos_that_disconnects_before_the_accept_leaves_no_record(self) -> None:
        async with PosSocket(self.token) as pos:
            pos.send({"type": "websocket.connect"})
            pos.send({"type": "websocket.disconnect", "code": 1006})
            await pos.ended()
        running = await recorded()
        assert len(running.registry) == 0
        assert not await Connection.objects.filter(closed_at=None).aexists()

    async def test_a_restart_has_its_own_close_reason(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            (await the_live()).socket.close_soon(CloseReason.RESTART)
            assert await pos.closed() == (1000, "The server is restarting.")
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART

    async def test_the_first_close_reason_is_kept(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            live = await the_live()
            live.socket.close_soon(CloseReason.DISABLED)
            live.socket.close_soon(CloseReason.REPLACED)
            await pos.closed()
            assert not pos.has_more()
        await recorded()
        assert (await Connection.objects.aget()).close_reason == CloseReason.DISABLED
