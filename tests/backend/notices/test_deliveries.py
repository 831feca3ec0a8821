"""A system reads the deliveries to its webhook endpoints, and repeats them."""

from typing import Any

from integrations.models import AuditEvent, Delivery
from integrations.models.api_key import Scope
from integrations.models.notices.webhook import DeliveryState
from tests.backend.answers import kind_of
from tests.services.notices.deliveries import make_delivery, send_due
from tests.support.backend_client import Backend, organisation
from tests.support.in_process import InProcess, in_main
from tests.support.servers.receiver import receiver


async def manager(name: str = "manager", **options: Any) -> Backend:
    return await Backend.make(name, scopes=[Scope.WEBHOOKS_WRITE], **options)


class Deliveries(InProcess):
    async def test_a_delivery_shows_its_event_and_the_answer_and_is_sent_again_with_the_same_id(self) -> None:
        backend = await manager()
        with self.settings(WEBHOOK_ALLOW_PRIVATE=True), receiver(status=500) as hooks:
            endpoint, _, delivery = await in_main(make_delivery, hooks.url)
            await send_due()
            path = f"deliveries/{delivery.pk}"
            shown = (await backend.get(path)).json()
            assert shown["endpoint"] == {"id": endpoint.pk, "name": "CRM"}
            assert (shown["event"]["type"], shown["event"]["webhook_id"]) == (
                "webhook.test",
                hooks.got[0].headers["webhook-id"],
            )
            assert (shown["state"], shown["attempts"], shown["status"]) == ("pending", 1, 500)
            assert shown["next_attempt_at"] > shown["attempted_at"]
            hooks.status = 204
            again = await backend.post(f"{path}/replay")
            assert (again.status, again.json()["state"], again.json()["attempts"]) == (200, "pending", 0)
            await send_due()
            sent = (await backend.get(path)).json()
        assert (sent["state"], sent["status"], sent["next_attempt_at"], sent["error"]) == ("delivered", 204, None, "")
        assert len({got.headers["webhook-id"] for got in hooks.got}) == 1
        event = await in_main(AuditEvent.objects.get, verb="webhook_replayed")
        assert event.actor_name == "API key: manager"

    async def test_deliveries_are_listed_by_endpoint_and_state_with_the_newest_first(self) -> None:
        bella = await in_main(organisation, "Bella")
        everything, own = await manager(), await manager("own", organisation=bella)
        for name in ("one", "two", "one-more"):
            await in_main(make_delivery, "https://hooks.example.com/", name=name)
        ids = await in_main(lambda: list(Delivery.objects.order_by("-pk").values_list("pk", flat=True)))
        two = await in_main(Delivery.objects.select_related("endpoint").get, pk=ids[1])
        await in_main(Delivery.objects.filter(pk=two.pk).update, state=DeliveryState.FAILED)
        expected = {
            "": ids,
            f"endpoint_id={two.endpoint_id}": [two.pk],
            "state=failed": [two.pk],
            "state=delivered": [],
        }
        for query, found in expected.items():
            results = (await everything.get(f"deliveries?{query}")).json()["results"]
            assert [each["id"] for each in results] == found, query
        first = (await everything.get("deliveries?limit=2")).json()
        rest = (await everything.get(first["next"].rpartition("/api/v1/")[2])).json()
        assert [each["id"] for each in first["results"] + rest["results"]] == ids
        assert (await own.get("deliveries?state=failed")).json()["results"] == []
        for query in ("state=lost", "endpoint_id=CRM", "endpoint_id=0"):
            assert (await everything.get(f"deliveries?{query}")).status == 422, query

    async def test_a_delivery_that_does_not_exist_is_a_problem(self) -> None:
        backend = await manager()
        for answer in (await backend.get("deliveries/1"), await backend.post("deliveries/1/replay")):
            assert (answer.status, kind_of(answer)) == (404, "unknown-delivery")
