"""No operation of the API lets a key reach the rows of another organisation."""

from integrations.models import AuditEvent
from integrations.models.api_key import Scope
from tests.backend.answers import kind_of
from tests.backend.operations import operations, sample
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.in_process import InProcess, in_main

UNKNOWN = {"provider_outlet_id": "unknown-outlet", "organisation_id": "unknown-organisation"}


class EveryOperation(InProcess):
    async def test_a_row_of_another_organisation_does_not_exist_for_a_key(self) -> None:
        outlet, everything = await make_outlet(), list(Scope)
        foreign = {
            "provider_outlet_id": outlet.handover.provider_outlet_id,
            "organisation_id": outlet.integration.outlet.organisation_id,
        }
        backend = await Backend.make(organisation=await in_main(organisation, "Other"), scopes=everything)
        before, tried = await in_main(AuditEvent.objects.count), 0
        for each in await in_main(operations):
            body = {} if each.body is None or each.method == "PATCH" else sample(each.body, **foreign)
            named = [name for name in UNKNOWN if f"{{{name}}}" in each.path or name in body]
            if named:
                answer = await backend.call(each.method, each.url(**foreign), **body)
                assert (answer.status, kind_of(answer)) == (404, UNKNOWN[named[0]]), each
                tried += 1
        assert tried > 12
        assert await in_main(AuditEvent.objects.count) == before
