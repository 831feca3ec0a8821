"""When the provider's systems check an outlet, they get the same result as staff."""

from tests.backend.answers import kind_of
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, make_outlet
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main, recorded


class OutletCheck(InProcess):
    async def test_each_step_has_its_evidence_and_what_to_tell_the_person_on_site(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        path = f"outlets/{outlet.handover.provider_outlet_id}"
        await authenticate(outlet.handover.as_wire() | {"AuthSecret": "wrong"})
        await recorded()
        check = (await backend.get(f"{path}/check")).json()
        [attempt] = (await backend.get(f"{path}/attempts")).json()["results"]
        assert (check["works"], check["sentence"].startswith("2 of 7 steps are done.")) == (False, True)
        states = {step["name"]: step["state"] for step in check["steps"]}
        assert states == {
            "enabled": "done",
            "attempted": "done",
            "secret": "wrong",
            "paired": "later",
            "token": "later",
            "connected": "later",
            "answered": "later",
        }
        wrong = next(step for step in check["steps"] if step["state"] == "wrong")
        assert wrong["evidence"]
        assert wrong["tell"]
        assert (wrong["attempt_id"], "rotate" in wrong["remedies"]) == (attempt["id"], True)

    async def test_an_outlet_that_was_never_enabled_has_no_check(self) -> None:
        backend, outlet = await Backend.make(), await in_main(make_bare_outlet)
        answer = await backend.get(f"outlets/{outlet.provider_outlet_id}/check")
        assert (answer.status, kind_of(answer)) == (409, "not-enabled")
