"""Which websocket handshakes the complete application accepts from a POS, and which it refuses."""

from django.test import override_settings
from django.utils import timezone

from integrations.models import AuthAttempt, Connection, Presence
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.relay import runtime
from integrations.services.integration.enabling import disable
from integrations.services.integration.pos_secrets import rotate_secret
from tests.pos.connecting import Connecting
from tests.support.asgi_client import ON_DAPHNE, PosSocket
from tests.support.factories import ANNA
from tests.support.in_process import in_main, recorded


class Opening(Connecting):
    async def test_a_token_in_the_query_opens_the_socket_at_the_root(self) -> None:
        async with PosSocket(self.token, headers={"user-agent": "PowerEPOS/8.1"}) as pos:
            await pos.connect()
            await recorded()
            row = await Connection.objects.aget()
            assert (row.integration_id, row.closed_at) == (self.harbour.integration.pk, None)
            assert (row.address, row.user_agent) == ("198.51.100.7", "PowerEPOS/8.1")
            presence = await Presence.objects.select_related("connection__process").aget()
            assert presence.is_online_at(timezone.now())
            await pos.disconnect()

    async def test_a_token_in_the_authorization_header_opens_it_too(self) -> None:
        for scheme in ("Bearer", "bearer", "BEARER"):
            async with PosSocket(headers={"authorization": f"{scheme} {self.token}"}) as pos:
                await pos.connect()
                await pos.disconnect()

    async def test_the_first_valid_subprotocol_is_chosen(self) -> None:
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
                await pos.disconnect()

    async def test_an_open_connection_holds_nothing_of_its_handshake(self) -> None:
        async with PosSocket(self.token) as pos:
            await pos.connect()
            await recorded()
            assert pos.scope == {}, "thousands of connections would hold their headers, tokens and admissions"
            await pos.disconnect()

    async def test_a_token_may_be_used_again(self) -> None:
        for _ in range(3):
            async with PosSocket(self.token) as pos:
                await pos.connect()
                await pos.disconnect()
        await recorded()
        assert await Connection.objects.acount() == 3

    async def test_the_empty_path_is_the_root(self) -> None:
        async with PosSocket(self.token, path="") as pos:
            await pos.connect()
            await pos.disconnect()

    async def test_any_origin_is_accepted_with_a_valid_token_and_recorded(self) -> None:
        origins = ["", "file://", "http://127.0.0.1:8000", "http://[::1", "https://elsewhere.example", "null"]
        origins += ["ws://portal.example:443"]
        for origin in origins:
            async with PosSocket(self.token, headers={"origin": origin}) as pos:
                await pos.connect()
                await pos.disconnect()
        await recorded()
        rows = Connection.objects.order_by("origin")
        assert [row async for row in rows.values_list("origin", flat=True)] == origins

    async def test_a_long_or_unusual_origin_is_shortened_and_recorded(self) -> None:
        async with PosSocket(self.token, headers={"origin": "\x85null" + "x" * 300}) as pos:
            await pos.connect()
            await pos.disconnect()
        await recorded()
        assert (await Connection.objects.aget()).origin == "\N{REPLACEMENT CHARACTER}null" + "x" * 195

    async def test_a_refused_handshake_is_recorded_with_the_origin_that_was_sent(self) -> None:
        async with PosSocket("forged", headers={"origin": "null"}) as pos:
            assert (await pos.refusal()).status == 401
        await recorded()
        assert (await AuthAttempt.objects.aget()).detail == "The Origin header was null"

    async def test_surplus_slashes_and_blanks_in_the_path_are_ignored(self) -> None:
        for path in ("//", "///", "/ ", "/\u200b/"):
            async with PosSocket(self.token, path=path) as pos:
                await pos.connect()
                await pos.disconnect()

    async def test_the_parameter_token_is_recognised_in_any_letter_case_and_with_surrounding_blanks(self) -> None:
        for query in (f"Token={self.token}", f"TOKEN={self.token}%0d%0a", f"token=%20{self.token}+"):
            async with PosSocket(query=query) as pos:
                await pos.connect()
                await pos.disconnect()

    async def test_a_websocket_on_another_path_learns_the_right_one_and_is_recorded_for_its_outlet(self) -> None:
        for path in ("/ws", "/api/powerepos/v1/auth", "/socket/?"):
            async with PosSocket(self.token, path=path) as pos:
                answer = await pos.refusal()
            assert (answer.status, list(answer.json())) == (404, ["ErrorMessage"])
            assert "ws://127.0.0.1:8000/?token=" in answer.json()["ErrorMessage"]
        await recorded()
        rows = [row async for row in AuthAttempt.objects.order_by("pk")]
        assert [(row.outcome, row.endpoint) for row in rows] == [(Outcome.WRONG_PATH, PosEndpoint.WEBSOCKET)] * 3
        assert {row.integration_id for row in rows} == {self.harbour.integration.pk}
        assert rows[0].detail == "The path was /ws"


class BeingRefused(Connecting):
    async def refused(self, pos: PosSocket, status: int = 401) -> str:
        async with pos:
            answer = await pos.refusal()
        assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert list(answer.json()) == ["ErrorMessage"]
        return str(answer.json()["ErrorMessage"])

    async def outcomes(self) -> list[str]:
        await recorded()
        rows = AuthAttempt.objects.filter(endpoint=PosEndpoint.WEBSOCKET).order_by("pk")
        return [row async for row in rows.values_list("outcome", flat=True)]

    async def test_a_missing_token_is_refused_with_401_and_an_error_message(self) -> None:
        await self.refused(PosSocket())
        await self.refused(PosSocket(query="token="))
        await self.refused(PosSocket(query="other=1"))
        await self.refused(PosSocket(headers={"authorization": "Basic YTpi"}))
        assert await self.outcomes() == [Outcome.TOKEN_MISSING] * 4

    async def test_a_forged_token_is_refused_with_401(self) -> None:
        for forged in ("x", self.token[:-2] + "AA", self.token + "x", "x%00x", "%ff%fe", "x" * 10_000):
            await self.refused(PosSocket(query=f"token={forged}"))
        assert await self.outcomes() == [Outcome.TOKEN_FORGED] * 6

    async def test_a_revoked_token_is_refused_with_401_and_the_reason_recorded(self) -> None:
        await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        await self.refused(PosSocket(self.token))
        assert await self.outcomes() == [Outcome.TOKEN_VOID]
        assert (await AuthAttempt.objects.aget()).integration_id == self.harbour.integration.pk

    async def test_an_expired_token_is_refused_with_401(self) -> None:
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

    async def test_any_other_path_is_refused_without_an_error(self) -> None:
        for path in ("/other", "/api/powerepos/v1/auth", "/admin/", "/%2500", "/\u00e4"):
            await self.refused(PosSocket(self.token, path=path), 404)

    async def test_on_daphne_a_refusal_is_a_bare_close_before_the_accept(self) -> None:
        for pos in (PosSocket(extensions=ON_DAPHNE), PosSocket(self.token, path="/other", extensions=ON_DAPHNE)):
            async with pos:
                pos.send({"type": "websocket.connect"})
                assert (await pos.next())["type"] == "websocket.close"

    async def test_a_refused_handshake_creates_no_connection(self) -> None:
        await self.refused(PosSocket("forged"))
        await recorded()
        assert not await Connection.objects.aexists()
