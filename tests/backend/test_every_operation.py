"""Each operation of the OpenAPI document refuses keys that may not use it, and HEAD is answered like GET.

The tests read the operations from the document, and therefore cover new ones too.
"""

from collections.abc import Mapping
from datetime import timedelta
from unittest import mock

from django.utils import timezone

from integrations.backend.base import rate_limits
from integrations.models import ApiKeySecret, AuditEvent
from integrations.models.api_key import READING_SCOPES, Scope
from integrations.services.notices import webhooks
from tests.backend.answers import kind_of
from tests.backend.operations import Operation, operations
from tests.support.asgi_client import Answer
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.factories import ANNA
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_endpoint

NOTHING: Mapping[str, object] = {}
OF_ONE_CALL = ("x-request-id", "ratelimit")


class EveryOperation(InProcess):
    async def known(self, backend: Backend) -> dict[str, object]:
        """Create an organisation's rows, and return their identifiers: a value for each path parameter of the API."""
        outlet = await make_outlet()
        owner = outlet.integration.outlet.organisation
        endpoint, _ = await in_main(make_endpoint, organisation=owner)
        receipt = await backend.ask(outlet, mode="async", expires_in=60)
        link = await backend.call("POST", f"outlets/{outlet.handover.provider_outlet_id}/handover-links")
        values = {
            "organisation_id": owner.pk,
            "provider_outlet_id": outlet.handover.provider_outlet_id,
            "request_uuid": receipt.json()["id"],
            "link_id": link.json()["id"],
            "endpoint_id": endpoint.pk,
            "delivery_id": (await in_main(webhooks.send_test, endpoint, actor=ANNA)).pk,
        }
        assert {name for each in await in_main(operations) for name in each.names()} == values.keys()
        return values

    async def answers(
        self, backend: Backend, values: Mapping[str, object] = NOTHING, *, reading: bool = True
    ) -> list[tuple[str, Answer]]:
        """Call every operation, except those with GET if `reading` is false; return their names and answers."""
        wanted = [each for each in await in_main(operations) if reading or each.method != "GET"]
        found = [(each.id, await call(backend, each, values)) for each in wanted]
        assert found
        return found

    @mock.patch.object(rate_limits, "DELAY_SECONDS", 0)
    async def test_each_is_refused_beyond_the_limit_of_the_key(self) -> None:
        backend = await Backend.make(scopes=list(Scope), calls_per_second=1, calls_burst=1)
        with mock.patch.object(rate_limits, "time") as clock:
            clock.monotonic.return_value = 1000.0
            await backend.get("api-key")
            for name, answer in await self.answers(backend):
                assert (answer.status, kind_of(answer)) == (429, "rate-limited"), name
                assert int(answer.headers["retry-after"]) > 0, name
                assert answer.headers["ratelimit"].startswith('"api-key";r=0;'), name

    async def test_each_is_refused_with_an_expired_key(self) -> None:
        backend = await Backend.make(scopes=list(Scope))
        await in_main(ApiKeySecret.objects.update, expires_at=timezone.now() - timedelta(seconds=1))
        for name, answer in await self.answers(backend):
            assert (answer.status, kind_of(answer)) == (401, "invalid-api-key"), name

    async def test_each_that_changes_something_is_refused_with_a_key_that_only_reads(self) -> None:
        values = await self.known(await Backend.make(scopes=list(Scope)))
        reader = await Backend.make("reader", scopes=READING_SCOPES)
        for name, answer in await self.answers(reader, values, reading=False):
            assert (answer.status, kind_of(answer)) == (403, "missing-scope"), name

    async def test_none_shows_or_changes_what_belongs_to_another_organisation(self) -> None:
        values = await self.known(await Backend.make(scopes=list(Scope)))
        other = await Backend.make("other", scopes=list(Scope), organisation=await in_main(organisation, "Other"))
        texts = [value for value in values.values() if isinstance(value, str)]
        for each in await in_main(operations):
            before = await in_main(AuditEvent.objects.count)
            answer = await call(other, each, values)
            assert not any(text in answer.body.decode() for text in texts), each
            if each.names(**values):
                assert (answer.status, kind_of(answer)[:8]) == (404, "unknown-"), each
                assert await in_main(AuditEvent.objects.count) == before, each

    async def test_head_is_answered_like_get_without_a_body(self) -> None:
        backend = await Backend.make(scopes=list(Scope))
        known = await self.known(backend)
        for each in await in_main(operations):
            for values in (known, NOTHING) if each.method == "GET" else ():
                url = each.url(**values)
                got, head = [await backend.call(method, url) for method in ("GET", "HEAD")]
                assert (head.status, head.body) == (got.status, b""), url
                assert _lasting(head) == _lasting(got), url


async def call(backend: Backend, operation: Operation, values: Mapping[str, object]) -> Answer:
    """Call an operation with these values and, where it needs one, a valid body."""
    return await backend.call(operation.method, operation.url(**values), **operation.sample_body(**values))


def _lasting(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_ONE_CALL}
