"""The provider's systems enable outlets, rotate their secrets and disconnect their POSes, as staff do."""

from typing import Any

from integrations.models import AuditEvent
from integrations.models.api_key import Scope
from integrations.models.connection import CloseReason
from integrations.pos.close_codes import CLOSE_CODES
from tests.backend.answers import kind_of
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import Enabled
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main, recorded

SCOPES = [Scope.OUTLETS_READ, Scope.OUTLETS_WRITE]


def path_of(outlet: Enabled) -> str:
    return f"outlets/{outlet.handover.provider_outlet_id}"


class Actions(InProcess):
    async def test_an_outlet_whose_id_has_a_slash_is_enabled_once(self) -> None:
        backend = await Backend.make("CRM", scopes=SCOPES)
        await in_main(make_bare_outlet, provider_outlet_id="bella/harbour")
        path = "outlets/bella/harbour"
        enabled = await backend.call("POST", f"{path}/enable", pos_remote_id="P-1")
        handover = enabled.json()["handover"]
        assert (enabled.status, enabled.json()["integration"]) == (200, "enabled")
        assert (await authenticate(handover)).status == 200
        again = await backend.call("POST", f"{path}/enable", pos_remote_id="P-1")
        assert (again.status, kind_of(again)) == (409, "already-enabled")
        event = await in_main(AuditEvent.objects.get, verb="enabled")
        assert (event.actor_name, event.address) == ("API key: CRM", "198.51.100.7")

    async def test_a_disabled_outlet_is_refused_until_it_is_enabled_again(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        disabled = await backend.call("POST", f"{path_of(outlet)}/disable", reason="closed for winter")
        assert (disabled.json()["integration"], disabled.json()["disabled_reason"]) == ("disabled", "closed for winter")
        assert (await authenticate(outlet.handover.as_wire())).status == 403
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/disable", reason="x")) == "already-disabled"
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/disable")) == "invalid-input"
        again = await backend.call("POST", f"{path_of(outlet)}/reenable")
        assert (again.json()["integration"], again.json()["disabled_reason"]) == ("enabled", "")
        assert (await authenticate(outlet.handover.as_wire())).status == 200
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/reenable")) == "not-disabled"

    async def test_a_rotation_with_an_overlap_keeps_the_old_secret_until_the_overlap_ends(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        old = outlet.handover.as_wire()
        rotated = await backend.call("POST", f"{path_of(outlet)}/rotate-secret", overlap="24h")
        new = rotated.json()["handover"]
        assert new["AuthSecret"] != old["AuthSecret"]
        assert rotated.json()["older_secret"]["expires_at"] is not None
        assert [(await authenticate(each)).status for each in (old, new)] == [200, 200]
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/rotate-secret")) == "overlap-running"
        ended = await backend.call("POST", f"{path_of(outlet)}/end-overlap")
        assert (ended.status, ended.json()["older_secret"]) == (200, None)
        assert [(await authenticate(each)).status for each in (old, new)] == [401, 200]
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/end-overlap")) == "no-overlap"

    async def test_a_new_secret_that_was_lost_is_replaced_within_the_overlap(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        replace = f"{path_of(outlet)}/replace-unused-secret"
        assert kind_of(await backend.call("POST", replace)) == "no-overlap"
        lost = (await backend.call("POST", f"{path_of(outlet)}/rotate-secret", overlap="24h")).json()["handover"]
        replaced = await backend.call("POST", replace)
        new = replaced.json()["handover"]
        assert (replaced.status, replaced.headers["cache-control"]) == (200, "no-store")
        old = outlet.handover.as_wire()
        assert [(await authenticate(each)).status for each in (old, lost, new)] == [200, 401, 200]
        await recorded()
        again = await backend.call("POST", replace)
        assert (again.status, kind_of(again)) == (409, "new-secret-in-use")

    async def test_a_rotation_without_an_overlap_ends_the_old_secret_now(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        rotated = await backend.call("POST", f"{path_of(outlet)}/rotate-secret")
        assert rotated.headers["cache-control"] == "no-store"
        assert (await authenticate(outlet.handover.as_wire())).status == 401
        assert (await authenticate(rotated.json()["handover"])).status == 200
        answer = await backend.call("POST", f"{path_of(outlet)}/rotate-secret", overlap="2h")
        assert [each["field"] for each in answer.json()["errors"]] == ["overlap"]

    async def test_a_pos_is_disconnected(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        async with await Pos.of(outlet) as pos:
            await recorded()
            answer = await backend.call("POST", f"{path_of(outlet)}/disconnect", reason="stuck")
            assert (answer.status, answer.json()["online"]) == (200, False)
            assert (await pos.closed())[1] == CLOSE_CODES[CloseReason.DISCONNECTED].meaning
        assert kind_of(await backend.call("POST", f"{path_of(outlet)}/disconnect")) == "nothing-to-disconnect"
        event = await in_main(AuditEvent.objects.get, verb="pos_disconnected")
        assert event.detail == {"reason": "stuck"}

    async def test_a_pos_remote_id_is_corrected(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        changed = await backend.call("POST", f"{path_of(outlet)}/change-pos-remote-id", pos_remote_id="P-2")
        assert changed.json()["pos_remote_id"] == "P-2"
        assert (await authenticate(outlet.handover.as_wire())).status == 401
        assert (await authenticate(outlet.handover.as_wire() | {"POSRemoteID": "P-2"})).status == 200
        same = await backend.call("POST", f"{path_of(outlet)}/change-pos-remote-id", pos_remote_id="P-2")
        assert (same.status, kind_of(same)) == (422, "invalid-input")

    async def test_an_action_on_an_outlet_that_was_never_enabled_is_a_conflict(self) -> None:
        backend, outlet = await Backend.make(scopes=SCOPES), await in_main(make_bare_outlet)
        actions: dict[str, dict[str, Any]] = {
            "disable": {"reason": "x"},
            "reenable": {},
            "rotate-secret": {},
            "end-overlap": {},
            "disconnect": {},
            "change-pos-remote-id": {"pos_remote_id": "P"},
        }
        for action, values in actions.items():
            answer = await backend.call("POST", f"outlets/{outlet.provider_outlet_id}/{action}", **values)
            assert (answer.status, kind_of(answer)) == (409, "not-enabled"), action
