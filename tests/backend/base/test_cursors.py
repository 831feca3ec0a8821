"""A cursor is valid only in its own list. The tests cover every list in the OpenAPI document, even future ones."""

from integrations.models.api_key import Scope
from integrations.services.notices import webhooks
from tests.backend.connections.test_history import make_connections
from tests.backend.operations import Operation, operations
from tests.support.backend_client import Backend, make_outlet
from tests.support.factories import ANNA, Enabled, make_organisation
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_endpoint, make_refusal


def make_rows(outlet: Enabled) -> None:
    """Create an organisation, an endpoint with a test delivery, and two connections and two refusals of the outlet."""
    make_organisation(f"Organisation of {outlet.handover.provider_outlet_id}")
    make_connections(outlet.integration, 2)
    for _ in range(2):
        make_refusal(outlet.integration)
    endpoint, _ = make_endpoint(name=outlet.handover.provider_outlet_id)
    webhooks.send_test(endpoint, actor=ANNA)


def lists() -> list[Operation]:
    return [each for each in operations() if any(parameter["name"] == "cursor" for parameter in each.parameters)]


class Cursors(InProcess):
    async def links(self, backend: Backend) -> list[str]:
        """Return links to the second page of every list. For lists of an outlet's rows, use two outlets."""
        outlets = [await make_outlet(name) for name in ("Station", "Harbour")]
        ids = [each.handover.provider_outlet_id for each in outlets]
        for outlet in outlets:
            await in_main(make_rows, outlet)
            for _ in range(2):
                await backend.ask(outlet, mode="async", expires_in=60)
                await backend.call("POST", f"outlets/{outlet.handover.provider_outlet_id}/handover-links")
        paths = {each.url(provider_outlet_id=id_) for each in await in_main(lists) for id_ in ids}
        queries = [f"{path}?limit=1" for path in sorted(paths)]
        queries += ["requests?limit=1&state=queued", "requests?limit=1&since=2026-01-01T00:00:00Z"]
        pages = {query: (await backend.get(query)).json() for query in queries}
        assert [query for query, page in pages.items() if not page["next"]] == []
        return [page["next"].partition("/api/v1/")[2] for page in pages.values()]

    async def test_each_list_refuses_the_cursors_of_every_other_list(self) -> None:
        backend = await Backend.make(scopes=list(Scope))
        links = await self.links(backend)
        for link in links:
            path, _, own = link.rpartition("cursor=")
            for cursor in (each.rpartition("cursor=")[2] for each in links):
                answer = await backend.get(f"{path}cursor={cursor}")
                assert answer.status == (200 if cursor == own else 422), (link, cursor)
                if cursor != own:
                    [error] = answer.json()["errors"]
                    assert error["field"] == "cursor"
                    assert "omit `cursor` to start" in error["message"]

    async def test_a_page_may_differ_in_size_from_the_one_before(self) -> None:
        backend = await Backend.make(scopes=list(Scope))
        for link in await self.links(backend):
            assert (await backend.get(link.replace("limit=1", "limit=2"))).status == 200, link
