"""The provider's systems read why an outlet's POS was refused or disconnected."""

from datetime import timedelta
from typing import Any

from integrations.models import AuthAttempt, Connection, Integration
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.clock import shared_now
from tests.backend.answers import kind_of
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, Pos, make_outlet, organisation
from tests.support.factories import NOON, Enabled, make_process
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main, recorded


def path_of(outlet: Enabled, what: str) -> str:
    return f"outlets/{outlet.handover.provider_outlet_id}/{what}"


def make_connections(integration: Integration, number: int, **values: Any) -> None:
    """Create ended connections, one per minute, except that the first two have the same times."""
    credential, process = integration.current_credential(), make_process(heartbeat_at=shared_now())
    for each in range(number):
        at = NOON + timedelta(minutes=max(each, 1))
        ended = {"closed_at": at + timedelta(seconds=30), "close_code": 1000, "close_reason": "by_pos"} | values
        Connection.objects.create(
            integration=integration, credential=credential, generation=1, process=process, opened_at=at, **ended
        )


class Connections(InProcess):
    async def test_a_connection_says_why_it_ended(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            await recorded()
            [connection] = (await backend.get(path_of(outlet, "connections"))).json()["results"]
            assert (connection["open"], connection["reason"], connection["close_reason"]) == (True, "open", None)
            await pos.disconnect(1000)
        await recorded()
        [connection] = (await backend.get(path_of(outlet, "connections"))).json()["results"]
        assert (connection["open"], connection["close_reason"], connection["close_code"]) == (False, "by_pos", 1000)
        assert connection["reason"] == "the POS closed the connection"
        assert connection["closed_at"].endswith("Z")

    async def test_a_connection_of_a_dead_server_is_not_open(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        process = await in_main(make_process)
        await in_main(make_connections, outlet.integration, 1, closed_at=None, close_code=None, close_reason="")
        await in_main(Connection.objects.update, process=process)
        [connection] = (await backend.get(path_of(outlet, "connections"))).json()["results"]
        assert connection["open"] is False

    async def test_connections_are_listed_page_by_page_newest_first(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(make_connections, outlet.integration, 5)
        link, seen = path_of(outlet, "connections?limit=2"), []
        while link:
            page = (await backend.get(link)).json()
            seen += [(each["opened_at"], each["id"]) for each in page["results"]]
            link = page["next"] and page["next"].partition("/api/v1/")[2]
        assert len(seen) == 5
        assert seen == sorted(seen, reverse=True)


class Attempts(InProcess):
    async def test_an_attempt_says_why_it_was_refused(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await authenticate(outlet.handover.as_wire() | {"AuthSecret": "wrong"})
        await recorded()
        [attempt] = (await backend.get(path_of(outlet, "attempts"))).json()["results"]
        assert (attempt["endpoint"], attempt["outcome"], attempt["reason"]) == ("auth", "wrong_secret", "Wrong secret")
        assert (attempt["pos_remote_id"], attempt["address"]) == (outlet.handover.pos_remote_id, "198.51.100.7")

    async def test_an_attempt_names_no_outlet_of_another_organisation(self) -> None:
        outlet, other = await make_outlet(), await make_outlet("Harbour")
        elsewhere = await in_main(organisation, "Elsewhere")
        other.integration.outlet.organisation = elsewhere
        await in_main(other.integration.outlet.save)
        await in_main(
            AuthAttempt.objects.create,
            at=NOON,
            endpoint=PosEndpoint.AUTH,
            outcome=Outcome.WRONG_POS_REMOTE_ID,
            integration=outlet.integration,
            pos_remote_id_of=other.integration,
        )
        limited = await Backend.make("own", organisation=await in_main(organisation, "Trattoria Bella"))
        details = {}
        for backend in (await Backend.make(), limited):
            [attempt] = (await backend.get(path_of(outlet, "attempts"))).json()["results"]
            details[backend] = attempt["detail"]
        assert ["Elsewhere – Harbour" in each for each in details.values()] == [True, False]

    async def test_an_outlet_that_was_never_enabled_has_no_history(self) -> None:
        outlet, backend = await in_main(make_bare_outlet), await Backend.make()
        await in_main(AuthAttempt.objects.create, at=NOON, endpoint=PosEndpoint.AUTH, outcome=Outcome.UNKNOWN_OUTLET)
        for what in ("connections", "attempts", "handover-links"):
            page = await backend.get(f"outlets/{outlet.provider_outlet_id}/{what}")
            assert page.json() == {"results": [], "next": None}
            assert kind_of(await backend.get(f"outlets/unknown/{what}")) == "unknown-outlet"
