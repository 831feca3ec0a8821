"""The provider's systems hand an outlet's values over by a one-time link."""

from datetime import timedelta
from typing import Any

from integrations.models import AuditEvent, HandoverLink
from integrations.models.api_key import Scope
from integrations.models.clock import shared_now
from integrations.services.handover.links import Opened, open_link
from tests.backend.answers import kind_of
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, make_outlet
from tests.support.factories import Enabled
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main

SCOPES = [Scope.OUTLETS_READ, Scope.HANDOVER_WRITE]


def path_of(outlet: Enabled) -> str:
    return f"outlets/{outlet.handover.provider_outlet_id}/handover-links"


async def opened(link: dict[str, Any], passphrase: str) -> Opened:
    return await in_main(open_link, link["url"], passphrase, address="192.0.2.9", user_agent="Browser")


class HandoverLinks(InProcess):
    async def test_a_link_hands_the_new_secret_of_an_enabled_outlet_over(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make("CRM", scopes=SCOPES)
        created = await backend.call("POST", path_of(outlet), hours=2, overlap="24h")
        link = created.json()
        assert (created.status, created.headers["cache-control"]) == (201, "no-store")
        assert created.headers["location"] == f"/api/v1/{path_of(outlet)}/{link['id']}"
        assert (link["state"], link["created_by"], link["ended_at"]) == ("live", "API key: CRM", None)
        assert (await authenticate(outlet.handover.as_wire())).status == 200
        handover = (await opened(link, link["passphrase"])).handover
        assert (await authenticate(handover.as_wire())).status == 200
        [listed] = (await backend.get(path_of(outlet))).json()["results"]
        assert (listed["state"], listed["address"], listed["user_agent"]) == ("opened", "192.0.2.9", "Browser")
        assert "url" not in listed
        event = await in_main(AuditEvent.objects.get, verb="handover_link_made")
        assert event.actor_name == "API key: CRM"

    async def test_a_link_enables_an_outlet_that_was_never_enabled(self) -> None:
        await in_main(make_bare_outlet, provider_outlet_id="bella/1")
        backend, path = await Backend.make(scopes=SCOPES), "outlets/bella/1/handover-links"
        assert kind_of(await backend.call("POST", path)) == "not-enabled"
        answer = await backend.call("POST", path, pos_remote_id="P-1", overlap="24h")
        assert [each["field"] for each in answer.json()["errors"]] == ["overlap"]
        link = (await backend.call("POST", path, pos_remote_id="P-1", passphrase="seven yellow tea pots")).json()
        assert link["passphrase"] is None
        handover = (await opened(link, "seven yellow tea pots")).handover
        assert (handover.provider_outlet_id, handover.pos_remote_id) == ("bella/1", "P-1")
        assert kind_of(await backend.call("POST", path, pos_remote_id="P-1")) == "already-enabled"

    async def test_a_link_is_revoked_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        link = (await backend.call("POST", path_of(outlet))).json()
        path = f"{path_of(outlet)}/{link['id']}"
        revoked = await backend.call("DELETE", path)
        assert (revoked.status, revoked.json()["state"], revoked.json()["ended_reason"]) == (
            200,
            "revoked",
            "by API key: kiosk",
        )
        assert kind_of(await backend.call("DELETE", path)) == "link-ended"
        assert kind_of(await backend.call("DELETE", f"{path_of(outlet)}/{link['id'] + 1}")) == "unknown-handover-link"

    async def test_a_link_of_another_outlet_is_unknown(self) -> None:
        outlet, other = await make_outlet("One"), await make_outlet("Two")
        backend = await Backend.make(scopes=SCOPES)
        link = (await backend.call("POST", path_of(outlet))).json()
        answer = await backend.call("DELETE", f"{path_of(other)}/{link['id']}")
        assert (answer.status, kind_of(answer)) == (404, "unknown-handover-link")
        assert (await backend.get(path_of(other))).json()["results"] == []

    async def test_a_refused_value_changes_nothing(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        for values in ({"hours": 10_000}, {"hours": 0}, {"passphrase": "1111111111"}, {"overlap": "2h"}):
            answer = await backend.call("POST", path_of(outlet), **values)
            assert (answer.status, [each["field"] for each in answer.json()["errors"]]) == (422, list(values))
        assert (await authenticate(outlet.handover.as_wire())).status == 200
        assert await in_main(HandoverLink.objects.count) == 0

    async def test_an_expired_link_is_shown_as_expired_before_it_is_erased(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        await backend.call("POST", path_of(outlet))
        await in_main(HandoverLink.objects.update, expires_at=shared_now() - timedelta(minutes=1))
        [listed] = (await backend.get(path_of(outlet))).json()["results"]
        assert listed["state"] == "expired"
