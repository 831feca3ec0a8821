"""Requests are found by their request_id, by the call that sent them, and by their end time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from integrations.models import Integration
from integrations.models.request import RequestState
from integrations.services.rows import keyset_pages
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_finished_request

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def found(backend: Backend, **filters: object) -> list[str]:
    """Return the request_ids on all pages of the list with these filters."""
    link, ids = f"requests?{urlencode(filters)}", []
    while link:
        answer = await backend.get(link.rpartition("/api/v1/")[2])
        assert answer.status == 200, answer.body
        ids += [row["request_id"] for row in answer.json()["results"]]
        link = answer.json()["next"]
    return ids


async def finish(integration: Integration, request_id: str, minutes: float = 0, **values: Any) -> None:
    ended_at = NOON + timedelta(minutes=minutes)
    await in_main(make_finished_request, integration, ended_at=ended_at, request_id=request_id, **values)


class Lookups(InProcess):
    async def test_a_request_is_found_by_its_request_id_at_each_outlet(self) -> None:
        station, harbour, backend = await make_outlet(), await make_outlet("Harbour"), await Backend.make()
        for integration in (station.integration, harbour.integration):
            for name in ("web-1", "web-17"):
                await finish(integration, name)
        assert await found(backend, request_id="web-1") == ["web-1", "web-1"]
        assert await found(backend, request_id="web-1", limit=1) == ["web-1", "web-1"]
        assert await found(backend, request_id="web-1", outlet=station.handover.provider_outlet_id) == ["web-1"]
        assert (
            await found(backend, request_id="web-1", state="failed") == await found(backend, request_id="web-2") == []
        )

    async def test_a_request_is_found_by_the_id_of_the_call_that_sent_it(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        sent = await backend.ask(outlet, mode="async", expires_in=60, request_id="web-1")
        await finish(outlet.integration, "web-2", correlation_id="other")
        assert await found(backend, correlation_id=sent.headers["x-request-id"]) == ["web-1"]
        assert await found(backend, correlation_id="x" * 200) == []

    async def test_requests_that_ended_since_a_time_are_listed_with_the_last_ended_first(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for name, minutes in (("late", 30), ("early", -1), ("at noon", 0), ("middle", 10), ("too", 10)):
            await finish(outlet.integration, name, minutes)
        await backend.ask(outlet, mode="async", expires_in=60, request_id="open")
        for limit in (1, 2, 50):
            listed = await found(backend, ended_since=NOON.isoformat(), limit=limit)
            assert listed == ["late", "too", "middle", "at noon"]
        assert await found(backend, ended_since=NOON.isoformat(), request_id="late") == ["late"]
        assert await found(backend, ended_since=NOON.isoformat(), request_id="early") == []
        assert await found(backend, ended_since=NOON.isoformat(), state="failed") == []

    async def test_a_page_stays_bounded_if_other_organisations_have_most_of_the_requests(self) -> None:
        outlet, other = await make_outlet(), await make_outlet("Harbour")
        await finish(outlet.integration, "own")
        await in_main(fill, other.integration, keyset_pages.INSPECTED * 2)
        backend = await Backend.make()
        own = {"ended_since": NOON.isoformat(), "outlet": outlet.handover.provider_outlet_id}
        first = (await backend.get(f"requests?{urlencode(own)}")).json()
        assert (first["results"], first["next"] is None) == ([], False)
        assert await found(backend, **own) == ["own"]

    async def test_a_key_finds_no_request_of_another_organisation(self) -> None:
        outlet = await make_outlet()
        await finish(outlet.integration, "web-1", correlation_id="call-1")
        foreign = await Backend.make("foreign", organisation=await in_main(organisation, "Café Anna"))
        for filters in ({"request_id": "web-1"}, {"correlation_id": "call-1"}, {"ended_since": NOON.isoformat()}):
            assert await found(foreign, **filters) == []
            assert await found(await Backend.make(str(filters)[:90]), **filters) == ["web-1"]


def fill(integration: Integration, count: int) -> None:
    row = make_finished_request(integration, ended_at=NOON + timedelta(hours=1), state=RequestState.ANSWERED)
    values = {field.attname: getattr(row, field.attname) for field in row._meta.fields}
    for name in ("id", "uuid", "request_id"):
        values.pop(name)
    type(row).objects.bulk_create([type(row)(**values, request_id=f"other-{number}") for number in range(count)])
