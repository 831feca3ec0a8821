"""No operation of the API lets a key reach the rows of another organisation."""

from integrations.models import AuditEvent
from integrations.models.api_key import Scope
from integrations.services.notices import webhooks
from tests.backend.answers import kind_of
from tests.backend.operations import operations, sample
from tests.support.backend_client import Backend, make_outlet, organisation
from tests.support.factories import ANNA
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import make_endpoint

UNKNOWN = {
    "provider_outlet_id": "unknown-outlet",
    "organisation_id": "unknown-organisation",
    "endpoint_id": "unknown-webhook-endpoint",
    "delivery_id": "unknown-delivery",
}


class EveryOperation(InProcess):
    async def test_a_row_of_another_organisation_does_not_exist_for_a_key(self) -> None:
        outlet, everything = await make_outlet(), list(Scope)
        owner = outlet.integration.outlet.organisation
        endpoint, _ = await in_main(make_endpoint, organisation=owner)
        foreign = {
            "provider_outlet_id": outlet.handover.provider_outlet_id,
            "organisation_id": owner.pk,
            "endpoint_id": endpoint.pk,
            "delivery_id": (await in_main(webhooks.send_test, endpoint, actor=ANNA)).pk,
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
        assert tried > 20
        assert await in_main(AuditEvent.objects.count) == before
