"""The event log: which events a key may read, in which order, and how a reader continues after its last event."""

from typing import Any

from django.utils import timezone

from integrations.models import Integration, Notice
from integrations.models.api_key import Scope
from integrations.services.notices import event_detection, webhooks
from integrations.services.rows import keyset_pages
from tests.backend.answers import kind_of
from tests.services.notices.deliveries import send_due
from tests.support.asgi_client import Answer
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.factories import ANNA
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_endpoint, make_finished_request, make_refusal
from tests.support.servers.receiver import receiver


class TheEventLog(InProcess):
    async def test_an_event_without_an_endpoint_is_read_with_its_ids_and_its_data(self) -> None:
        outlet, backend = await make_outlet(), await reader()
        row = await in_main(finish, outlet.integration)
        (event,) = await read(backend)
        notice = await in_main(Notice.objects.get)
        assert (event["id"], event["webhook_id"]) == (notice.pk, notice.webhook_id)
        assert event["type"] == "request.finished"
        assert event["data"]["request"] == str(row.uuid)
        bella = outlet.integration.outlet.organisation
        assert event["data"]["organisation"] == {"id": bella.pk, "name": bella.name}

    async def test_an_event_has_the_content_and_the_id_of_its_webhook(self) -> None:
        backend = await reader()
        with self.settings(WEBHOOK_ALLOW_PRIVATE=True), receiver() as hooks:
            endpoint, secret = await in_main(make_endpoint, hooks.url)
            await in_main(webhooks.send_test, endpoint, actor=ANNA)
            await send_due()
            got = hooks.got[0]
        (event,) = await read(backend)
        assert got.headers["webhook-id"] == event.pop("webhook_id")
        event.pop("id")
        assert got.verified(secret) == event

    async def test_a_reader_continues_after_the_last_event_that_it_has_seen(self) -> None:
        outlet, backend = await make_outlet(), await reader()
        for _ in range(3):
            await in_main(finish, outlet.integration)
        events = await read(backend)
        ids = [event["id"] for event in events]
        assert ids == sorted(ids)
        assert await read(backend, f"after={ids[0]}") == events[1:]
        assert await read(backend, f"after={ids[-1]}") == []
        await in_main(finish, outlet.integration)
        assert len(await read(backend, f"after={ids[-1]}")) == 1

    async def test_the_events_of_one_outlet_or_kind_are_read_in_pages(self) -> None:
        outlet, other, backend = await make_outlet(), await make_outlet("Harbour"), await reader()
        for integration in (outlet.integration, other.integration) * 2:
            await in_main(finish, integration)
            await in_main(refuse, integration)
        own = f"outlet={outlet.handover.provider_outlet_id}"
        for query, expected in {"": 8, own: 4, "kind=request.finished": 4, f"{own}&kind=request.finished": 2}.items():
            assert len(await read(backend, query)) == expected, query
            pages = await walk(backend, f"events?limit=1&{query}")
            assert [each["id"] for page in pages for each in page] == [
                each["id"] for each in await read(backend, query)
            ]
        never = await in_main(make_bare_outlet, "Never enabled")
        await in_main(refuse, None)
        assert await read(backend, f"outlet={never.provider_outlet_id}") == []

    async def test_a_page_stays_bounded_where_matching_events_are_rare(self) -> None:
        outlet, backend = await make_outlet(), await reader()
        await in_main(fill, outlet.integration, keyset_pages.INSPECTED * 3)
        await in_main(refuse, outlet.integration)
        found = f"events?outlet={outlet.handover.provider_outlet_id}&kind=authentication.refused"
        pages = await walk(backend, found)
        assert len(pages) > 2
        assert [each["type"] for page in pages for each in page] == ["authentication.refused"]

    async def test_a_key_of_one_organisation_reads_only_its_events(self) -> None:
        outlet, everything = await make_outlet(), await reader()
        await in_main(finish, outlet.integration)
        await in_main(refuse, None)
        foreign = await reader("foreign", organisation=await in_main(organisation, "Café Anna"))
        own = await reader("own", organisation=outlet.integration.outlet.organisation)
        assert [len(await read(each)) for each in (everything, own, foreign)] == [2, 1, 0]
        answer = await foreign.get(f"events?outlet={outlet.handover.provider_outlet_id}")
        assert (answer.status, kind_of(answer)) == (404, "unknown-outlet")

    async def test_a_wrong_filter_is_refused(self) -> None:
        backend = await reader()
        for query in ("after=evt_1", "after=-1", f"after={10**18}", "kind=outlet", "cursor=x", "state=online"):
            assert (await backend.get(f"events?{query}")).status == 422, query


async def reader(name: str = "reader", **options: Any) -> Backend:
    """Return a backend whose key may read events. The portal stores the events that happen after this call."""
    backend = await Backend.make(name, scopes=[Scope.EVENTS_READ], **options)
    await in_main(event_detection.poll)
    return backend


def finish(integration: Integration) -> Any:
    row = make_finished_request(integration)
    event_detection.poll()
    return row


def refuse(integration: Integration | None) -> None:
    make_refusal(integration)
    event_detection.poll()


def fill(integration: Integration, count: int) -> None:
    now, owner = timezone.now(), integration.outlet.organisation
    values: dict[str, Any] = {"kind": "pos.stray_message", "at": now, "organisation": owner, "integration": integration}
    Notice.objects.bulk_create([Notice(subject=number, **values) for number in range(count)])


async def read(backend: Backend, query: str = "") -> list[dict[str, Any]]:
    answer = await backend.get(f"events?{query}")
    assert answer.status == 200, answer.body
    assert answer.json()["next"] is None
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def walk(backend: Backend, path: str) -> list[list[dict[str, Any]]]:
    """Return the results of each page, by following `next`."""
    pages = []
    link: str | None = path
    while link:
        answer: Answer = await backend.get(link.rpartition("/api/v1/")[2])
        assert answer.status == 200, answer.body
        pages.append(answer.json()["results"])
        link = answer.json()["next"]
    return pages
