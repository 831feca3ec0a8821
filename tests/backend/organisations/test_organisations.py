"""The provider's systems create, read, change and delete organisations."""

from integrations.models import AuditEvent, Organisation
from integrations.models.api_key import Scope
from tests.backend.answers import kind_of
from tests.support.backend_client import Backend, organisation
from tests.support.factories import make_outlet
from tests.support.in_process import InProcess, in_main

SCOPES = [Scope.OUTLETS_READ, Scope.OUTLETS_WRITE]


class Organisations(InProcess):
    async def test_an_organisation_is_created_read_changed_and_deleted(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        created = await backend.call("POST", "organisations", name="Bella", opening_hours="mon-fri 09:00-23:00")
        path = f"organisations/{created.json()['id']}"
        assert (created.status, created.headers["location"]) == (201, f"/api/v1/{path}")
        assert (await backend.get(path)).json() == created.json()
        changed = (await backend.call("PATCH", path, name="Bella Italia", time_zone="Europe/Rome")).json()
        expected = {"name": "Bella Italia", "time_zone": "Europe/Rome"}
        assert changed == created.json() | expected
        assert (await backend.get("organisations?name=Bella%20Italia")).json()["results"] == [changed]
        deleted = await backend.call("DELETE", path)
        assert (deleted.status, deleted.json()) == (200, changed)
        assert kind_of(await backend.get(path)) == "unknown-organisation"

    async def test_the_audit_event_names_the_api_key(self) -> None:
        backend = await Backend.make("CRM", scopes=SCOPES)
        await backend.call("POST", "organisations", name="Bella")
        event = await in_main(AuditEvent.objects.get, verb="organisation_created")
        assert (event.actor_name, event.address, event.subject) == ("API key: CRM", "198.51.100.7", "Bella")

    async def test_organisations_are_listed_page_by_page(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        for name in ("A", "B", "C"):
            await in_main(organisation, name)
        first = (await backend.get("organisations?limit=2")).json()
        second = (await backend.get(first["next"].partition("/api/v1/")[2])).json()
        assert [each["name"] for page in (first, second) for each in page["results"]] == ["A", "B", "C"]
        assert second["next"] is None

    async def test_a_refusal_of_the_service_is_a_problem(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        outlet = await in_main(make_outlet)
        existing = f"organisations/{outlet.organisation_id}"
        assert kind_of(await backend.call("POST", "organisations", name="Trattoria Bella")) == "organisation-exists"
        assert kind_of(await backend.call("DELETE", existing)) == "still-in-use"
        for values in ({"time_zone": "Rome"}, {"opening_hours": "always"}, {"name": ""}, {"naem": "x"}, {"name": None}):
            answer = await backend.call("PATCH", existing, **values)
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), values
            assert [each["field"] for each in answer.json()["errors"]] == list(values)
        assert (await backend.get(existing)).json()["name"] == "Trattoria Bella"

    async def test_a_limited_key_sees_its_own_organisation_only(self) -> None:
        own, other = await in_main(organisation, "Own"), await in_main(organisation, "Other")
        backend = await Backend.make(scopes=SCOPES, organisation=own)
        assert [each["id"] for each in (await backend.get("organisations")).json()["results"]] == [own.pk]
        answer = await backend.call("POST", "organisations", name="Third")
        assert (answer.status, kind_of(answer)) == (403, "limited-key")
        for method, values in (("GET", {}), ("PATCH", {"name": "x"}), ("DELETE", {})):
            answer = await backend.call(method, f"organisations/{other.pk}", **values)
            assert (answer.status, kind_of(answer)) == (404, "unknown-organisation")
        assert (await backend.call("PATCH", f"organisations/{own.pk}", name="Renamed")).status == 200
        assert kind_of(await backend.call("DELETE", f"organisations/{own.pk}")) == "still-in-use"
        assert await in_main(Organisation.objects.count) == 2
