"""A system manages its webhook endpoints through the API, under the same rules as on the staff pages."""

import json
from typing import Any

from integrations.models import ApiKey, AuditEvent, Notice, WebhookEndpoint
from integrations.models.api_key import Scope
from integrations.services.notices import webhooks
from integrations.services.notices.webhooks import SUBSCRIBABLE
from tests.backend.answers import kind_of
from tests.services.notices.deliveries import send_due
from tests.support.asgi_client import Answer
from tests.support.backend_client import Backend, organisation
from tests.support.factories import ANNA
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_endpoint
from tests.support.servers.receiver import receiver

PATH = "webhook-endpoints"
URL = "https://hooks.example.com/onp?key=hidden"
NEW: dict[str, Any] = {"name": "CRM", "url": URL, "kinds": ["outlet.offline"]}


async def manager(name: str = "manager", **options: Any) -> Backend:
    return await Backend.make(name, scopes=[Scope.WEBHOOKS_WRITE], **options)


async def create(backend: Backend, **values: Any) -> Answer:
    return await backend.call("POST", PATH, **(NEW | values))


async def acts() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(verb__startswith="webhook_").order_by("pk").values_list("verb", "actor_name")
    return await in_main(lambda: list(rows))


class Creating(InProcess):
    async def test_a_new_endpoint_is_returned_with_its_secret_once(self) -> None:
        backend = await manager()
        created = await create(backend)
        assert (created.status, created.headers["cache-control"]) == (201, "no-store")
        content = created.json()
        secret = content.pop("secret")
        assert secret.startswith("whsec_")
        assert created.headers["location"] == f"/api/v1/{PATH}/{content['id']}"
        shown = await backend.get(f"{PATH}/{content['id']}")
        assert shown.json() == content
        assert (await backend.get(PATH)).json()["results"] == [content]
        assert (content["name"], content["url"], content["kinds"]) == ("CRM", URL, ["outlet.offline"])
        assert (content["organisation"], content["enabled"], content["overlap_until"]) == (None, True, None)
        assert secret not in (await in_main(WebhookEndpoint.objects.get)).sealed_secret

    async def test_the_api_key_is_the_actor_and_the_secret_is_not_recorded(self) -> None:
        secret = (await create(await manager("Back office"))).json()["secret"]
        event = await in_main(AuditEvent.objects.get, verb="webhook_created")
        assert event.actor_name == "API key: Back office"
        assert event.address
        assert secret not in str(event.detail)
        assert "hidden" not in str(event.detail)

    async def test_a_repeat_with_the_same_idempotency_key_creates_no_second_endpoint(self) -> None:
        backend = await manager()
        first, second = [await backend.post(PATH, json.dumps(NEW), Idempotency_Key="onboard-17") for _ in range(2)]
        assert (first.status, first.body) == (second.status, second.body)
        assert await in_main(WebhookEndpoint.objects.count) == 1

    async def test_an_address_that_staff_could_not_enter_is_refused(self) -> None:
        backend = await manager()
        for url in (
            "http://hooks.example.com",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://a:b@example.com/",
            "x",
        ):
            answer = await create(backend, url=url)
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), url
            assert [each["field"] for each in answer.json()["errors"]] == ["url"]
        assert not await in_main(WebhookEndpoint.objects.exists)

    async def test_wrong_fields_are_named(self) -> None:
        backend = await manager()
        wrong: dict[str, dict[str, Any]] = {
            "kinds": {"kinds": []},
            "kinds.0": {"kinds": ["webhook.test"]},
            "name": {"name": "x" * 101},
            "colour": {"colour": "red"},
            "organisation_id": {"organisation_id": "Bella"},
        }
        for field, values in wrong.items():
            answer = await create(backend, **values)
            assert (answer.status, answer.json()["errors"][0]["field"]) == (422, field)
        await create(backend)
        taken = await create(backend)
        assert (taken.status, kind_of(taken)) == (422, "webhook-exists")


class Changing(InProcess):
    async def test_the_given_fields_change_and_the_others_stay(self) -> None:
        backend = await manager()
        path = f"{PATH}/{(await create(backend)).json()['id']}"
        changed = await backend.call("PATCH", path, kinds=["alert.began", "outlet.online"])
        assert (changed.status, changed.json()["url"]) == (200, URL)
        assert changed.json()["kinds"] == ["outlet.online", "alert.began"]
        assert (
            (await backend.call("PATCH", path, url="https://new.example.com/")).json()["url"].startswith("https://new")
        )
        for values in ({"url": "https://10.0.0.1/"}, {"name": "Other"}, {"kinds": ["outlet"]}, {"enabled": None}):
            assert (await backend.call("PATCH", path, **values)).status == 422, values
        assert [verb for verb, _ in await acts()] == ["webhook_created", "webhook_changed", "webhook_changed"]

    async def test_an_endpoint_is_disabled_with_a_reason_and_enabled_again(self) -> None:
        backend = await manager()
        path = f"{PATH}/{(await create(backend)).json()['id']}"
        refused = await backend.call("PATCH", path, enabled=False)
        assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "reason")
        assert (await backend.call("PATCH", path, reason="why")).status == 422
        off = (await backend.call("PATCH", path, enabled=False, reason="maintenance")).json()
        assert (off["enabled"], off["disabled_reason"], off["disabled_at"] is None) == (False, "maintenance", False)
        assert (await backend.call("PATCH", path, enabled=False, reason="maintenance")).json() == off
        other = await backend.call("PATCH", path, enabled=False, reason="broken")
        assert (other.status, "already disabled" in other.json()["detail"]) == (422, True)
        assert kind_of(await backend.post(f"{path}/test")) == "webhook-disabled"
        for _ in range(2):  # the second call changes nothing
            assert (await backend.call("PATCH", path, enabled=True)).json()["enabled"] is True
        assert [verb for verb, _ in await acts()] == ["webhook_created", "webhook_disabled", "webhook_enabled"]

    async def test_a_refused_change_changes_nothing_at_all(self) -> None:
        backend = await manager()
        path = f"{PATH}/{(await create(backend)).json()['id']}"
        assert (await backend.call("PATCH", path, url="https://new.example.com/", enabled=False)).status == 422
        assert (await backend.get(path)).json()["url"] == URL

    async def test_a_rotated_secret_signs_together_with_the_older_one_until_the_overlap_ends(self) -> None:
        backend = await manager()
        with self.settings(WEBHOOK_ALLOW_PRIVATE=True), receiver() as hooks:
            content = (await create(backend, url=hooks.url)).json()
            path = f"{PATH}/{content['id']}"
            rotated = await backend.call("POST", f"{path}/rotate-secret", overlap="24h")
            assert (rotated.status, rotated.headers["cache-control"]) == (200, "no-store")
            assert rotated.json()["overlap_until"] is not None
            assert kind_of(await backend.post(f"{path}/rotate-secret")) == "overlap-running"
            await backend.post(f"{path}/test")
            await send_due()
            for secret in (content["secret"], rotated.json()["secret"]):
                assert hooks.got[0].verified(secret)["type"] == "webhook.test"
        ended = await backend.post(f"{path}/end-overlap")
        assert (ended.status, ended.json()["overlap_until"]) == (200, None)
        assert kind_of(await backend.post(f"{path}/end-overlap")) == "no-overlap"
        assert (await backend.call("POST", f"{path}/rotate-secret", overlap="2h")).status == 422

    async def test_a_deleted_endpoint_is_gone_with_its_deliveries_and_its_name_is_free(self) -> None:
        backend = await manager()
        created = (await create(backend)).json()
        secret, path = created.pop("secret"), f"{PATH}/{created['id']}"
        await backend.post(f"{path}/test")
        deleted = await backend.call("DELETE", path)
        assert (deleted.status, deleted.json()) == (200, created)
        assert secret.encode() not in deleted.body
        assert (await backend.get(path)).status == 404
        assert (await backend.get("deliveries")).json()["results"] == []
        assert await in_main(Notice.objects.count) == 1
        assert (await create(backend)).status == 201
        assert "webhook_deleted" in dict(await acts())


class Limits(InProcess):
    async def test_a_key_of_one_organisation_manages_only_endpoints_of_that_organisation(self) -> None:
        bella, anna = [await in_main(organisation, name) for name in ("Bella", "Café Anna")]
        foreign, own = await manager("foreign", organisation=anna), await manager("own", organisation=bella)
        everything = await manager("everything")
        of_all = (await create(everything, name="all")).json()["id"]
        made = (await create(own)).json()
        assert made["organisation"] == {"id": bella.pk, "name": "Bella"}
        delivery = (await own.post(f"{PATH}/{made['id']}/test")).json()["id"]
        for pk, backend in ((made["id"], foreign), (of_all, own), (10**18, everything), (10**40, everything)):
            path = f"{PATH}/{pk}"
            calls = [(method, path) for method in ("GET", "PATCH", "DELETE")]
            calls += [("GET", f"deliveries?endpoint_id={min(pk, 10**17)}")]
            calls += [("POST", f"{path}/{each}") for each in ("test", "rotate-secret", "end-overlap")]
            for method, each in calls:
                answer = await backend.call(method, each)
                assert (answer.status, kind_of(answer)) == (404, "unknown-webhook-endpoint"), each
        for method, each in (("GET", f"deliveries/{delivery}"), ("POST", f"deliveries/{delivery}/replay")):
            answer = await foreign.call(method, each)
            assert (answer.status, kind_of(answer)) == (404, "unknown-delivery"), each
        assert (await foreign.get(PATH)).json()["results"] == (await foreign.get("deliveries")).json()["results"] == []
        assert len((await everything.get(PATH)).json()["results"]) == 2

    async def test_a_new_endpoint_is_of_an_organisation_that_the_key_sees(self) -> None:
        bella, anna = [await in_main(organisation, name) for name in ("Bella", "Café Anna")]
        own, everything = await manager("own", organisation=bella), await manager("everything")
        for backend, pk in ((own, anna.pk), (everything, 10**12)):
            answer = await create(backend, organisation_id=pk)
            assert (answer.status, kind_of(answer)) == (404, "unknown-organisation")
        assert (await create(own, organisation_id=None)).json()["errors"][0]["field"] == "organisation_id"
        assert (await create(everything, organisation_id=anna.pk)).json()["organisation"]["id"] == anna.pk

    async def test_staff_and_api_keys_change_the_same_rows_by_the_same_rules(self) -> None:
        backend = await manager()
        endpoint, _ = await in_main(make_endpoint, URL, name="By staff", kinds=SUBSCRIBABLE)
        await in_main(webhooks.disable_endpoint, endpoint, reason="by staff", actor=ANNA)
        (shown,) = (await backend.get(PATH)).json()["results"]
        assert (shown["name"], shown["disabled_reason"]) == ("By staff", "by staff")
        assert await in_main(ApiKey.objects.count) == 1
