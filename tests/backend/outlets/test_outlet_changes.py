"""The provider's systems create, change and delete outlets."""

from typing import Any
from unittest import mock

from django.db import connection

from integrations.models import AuditEvent, Integration, Outlet
from integrations.models.api_key import Scope
from integrations.security import secret_digests
from integrations.security.secret_digests import Digest, digest_adopted
from tests.backend.answers import kind_of
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.factories import ADOPTED
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main

SCOPES = [Scope.OUTLETS_READ, Scope.OUTLETS_WRITE]


class Outlets(InProcess):
    async def test_an_outlet_is_created_read_changed_and_deleted(self) -> None:
        backend, bella = await Backend.make("CRM", scopes=SCOPES), await in_main(organisation, "Bella")
        created = await backend.call("POST", "outlets", organisation_id=bella.pk, name="Harbour", alert_after_minutes=5)
        outlet = created.json()
        assert outlet.pop("handover") is None
        path = f"outlets/{outlet['provider_outlet_id']}"
        assert (created.status, created.headers["location"]) == (201, f"/api/v1/{path}")
        assert (outlet["organisation_id"], outlet["organisation"], outlet["integration"]) == (
            bella.pk,
            "Bella",
            "not_enabled",
        )
        assert (await backend.get(path)).json() == outlet
        changed = await backend.call("PATCH", path, provider_outlet_id="bella/1", alert_after_minutes=None)
        assert changed.json() == outlet | {"provider_outlet_id": "bella/1", "alert_after_minutes": None}
        assert (await backend.call("DELETE", "outlets/bella/1")).json() == changed.json()
        assert kind_of(await backend.get("outlets/bella/1")) == "unknown-outlet"
        events = await in_main(lambda: list(AuditEvent.objects.order_by("pk").values_list("verb", "actor_name")))
        assert events[1:] == [(f"outlet_{verb}", "API key: CRM") for verb in ("created", "changed", "deleted")]

    async def test_a_new_outlet_with_a_pos_remote_id_is_enabled_and_its_secret_shown_once(self) -> None:
        backend, bella = await Backend.make(scopes=SCOPES), await in_main(organisation, "Bella")
        values: dict[str, Any] = {
            "organisation_id": bella.pk,
            "name": "Harbour",
            "provider_outlet_id": "h",
            "pos_remote_id": "P-1",
        }
        created = await backend.call("POST", "outlets", **values)
        handover = created.json()["handover"]
        assert created.headers["cache-control"] == "no-store"
        assert (handover["ProviderOutletID"], handover["POSRemoteID"]) == ("h", "P-1")
        assert handover["AuthURL"].endswith("/api/powerepos/v1/auth")
        assert (await authenticate(handover)).status == 200
        later = await backend.get("outlets/h")
        assert handover["AuthSecret"] not in later.body.decode()
        assert later.json()["secret"]["begins_with"] == handover["AuthSecret"][: len("ONPS-12345")]
        assert later.json()["older_secret"] is None

    async def test_a_repeated_call_creates_no_second_outlet_and_returns_the_first_secret(self) -> None:
        backend, bella = await Backend.make(scopes=SCOPES), await in_main(organisation, "Bella")
        values: dict[str, Any] = {"organisation_id": bella.pk, "name": "Harbour", "pos_remote_id": "P-1"}
        first, again = [await backend.call("POST", "outlets", once="onboard-1", **values) for _ in range(2)]
        assert (again.status, again.body, again.headers["location"]) == (201, first.body, first.headers["location"])
        assert (await authenticate(again.json()["handover"])).status == 200
        assert await in_main(Outlet.objects.count) == 1

    async def test_an_outlet_takes_over_a_secret_of_powerepos(self) -> None:
        backend, bella = await Backend.make(scopes=SCOPES), await in_main(organisation, "Bella")
        values: dict[str, Any] = {"organisation_id": bella.pk, "name": "Harbour", "adopted_secret": ADOPTED}
        answer = await backend.call("POST", "outlets", **values)
        assert [each["field"] for each in answer.json()["errors"]] == ["adopted_secret"]
        created = await backend.call("POST", "outlets", **values, pos_remote_id="P-1")
        assert created.json()["handover"]["AuthSecret"] == ADOPTED
        assert (await authenticate(created.json()["handover"])).status == 200

    async def test_an_adopted_secret_is_hashed_before_the_transaction_and_a_repeated_call_gets_its_first_answer(
        self,
    ) -> None:
        backend, outlet = await Backend.make(scopes=SCOPES), await in_main(make_bare_outlet)
        values: dict[str, Any] = {"pos_remote_id": "P-1", "adopted_secret": ADOPTED}
        path, inside = f"outlets/{outlet.provider_outlet_id}/enable", []

        def hash_it(secret: str) -> Digest:
            inside.append(connection.in_atomic_block)
            return digest_adopted(secret)

        with mock.patch.object(secret_digests, "digest_adopted", hash_it):
            first, again = [await backend.call("POST", path, once="enable-1", **values) for _ in range(2)]
        assert inside == [False]
        assert (first.status, again.status, again.body) == (200, 200, first.body)
        assert again.headers["idempotent-replayed"] == "true"

    async def test_an_outlet_is_looked_up_before_a_weak_secret_is_refused(self) -> None:
        backend, outlet = await Backend.make(scopes=SCOPES), await in_main(make_bare_outlet)
        values: dict[str, Any] = {"pos_remote_id": "P-1", "adopted_secret": "password"}
        for target, kind in (("unknown", "unknown-outlet"), (outlet.provider_outlet_id, "weak-secret")):
            answer = await backend.call("POST", f"outlets/{target}/enable", **values)
            assert kind_of(answer) == kind

    async def test_a_refused_integration_creates_no_outlet_either(self) -> None:
        taken, backend = await make_outlet(), await Backend.make(scopes=SCOPES)
        integration = taken.integration
        values: dict[str, Any] = {"organisation_id": integration.outlet.organisation_id, "name": "Second"}
        answer = await backend.call("POST", "outlets", **values, pos_remote_id=integration.pos_remote_id)
        assert (answer.status, kind_of(answer)) == (422, "pos-remote-id-taken")
        assert answer.json()["errors"][0]["field"] == "pos_remote_id"
        assert await in_main(Outlet.objects.count) == 1

    async def test_a_refusal_of_the_service_is_a_problem(self) -> None:
        backend, enabled = await Backend.make(scopes=SCOPES), await make_outlet()
        path = f"outlets/{enabled.handover.provider_outlet_id}"
        other = await in_main(make_bare_outlet, "Harbour", provider_outlet_id="h")
        values: dict[str, Any] = {"organisation_id": other.organisation_id, "name": "New"}
        for method, target, body, kind in (
            ("POST", "outlets", values | {"name": "Harbour"}, "outlet-exists"),
            ("POST", "outlets", values | {"provider_outlet_id": "h"}, "provider-outlet-id-taken"),
            ("POST", "outlets", values | {"organisation_id": 2**70}, "unknown-organisation"),
            ("POST", "outlets", values | {"time_zone": "Rome"}, "invalid-input"),
            ("POST", "outlets", {"name": "New"}, "invalid-input"),
            ("PATCH", path, {"provider_outlet_id": "another"}, "provider-outlet-id-in-use"),
            ("DELETE", path, {}, "still-in-use"),
        ):
            assert kind_of(await backend.call(method, target, **body)) == kind, (method, body)
        assert await in_main(Outlet.objects.count) == 2

    async def test_an_outlet_moves_to_another_organisation_by_its_id(self) -> None:
        backend, outlet = await Backend.make(scopes=SCOPES), await in_main(make_bare_outlet)
        milano = await in_main(organisation, "Milano")
        path = f"outlets/{outlet.provider_outlet_id}"
        moved = (await backend.call("PATCH", path, organisation_id=milano.pk)).json()
        assert (moved["organisation_id"], moved["organisation"]) == (milano.pk, "Milano")
        listed = (await backend.get(f"outlets?organisation_id={milano.pk}")).json()["results"]
        assert [each["provider_outlet_id"] for each in listed] == [outlet.provider_outlet_id]
        assert (await backend.get(f"outlets?organisation_id={outlet.organisation_id}")).json()["results"] == []

    async def test_a_limited_key_acts_in_its_own_organisation_only(self) -> None:
        foreign, own = await in_main(make_bare_outlet), await in_main(organisation, "Own")
        backend = await Backend.make(scopes=SCOPES, organisation=own)
        created = await backend.call("POST", "outlets", organisation_id=own.pk, name="Own", provider_outlet_id="own")
        assert created.status == 201
        for method, path, values, kind in (
            ("POST", "outlets", {"organisation_id": foreign.organisation_id, "name": "x"}, "unknown-organisation"),
            ("PATCH", "outlets/own", {"organisation_id": foreign.organisation_id}, "unknown-organisation"),
            ("PATCH", f"outlets/{foreign.provider_outlet_id}", {"name": "x"}, "unknown-outlet"),
            ("DELETE", f"outlets/{foreign.provider_outlet_id}", {}, "unknown-outlet"),
        ):
            answer = await backend.call(method, path, **values)
            assert (answer.status, kind_of(answer)) == (404, kind), (method, path)
        assert await in_main(Integration.objects.count) == 0
        assert (await in_main(Outlet.objects.get, name="Own")).organisation_id == own.pk
