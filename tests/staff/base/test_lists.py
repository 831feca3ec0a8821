"""No list of the API scans a table. tests/staff/test_query_budget.py checks the lists on the staff pages."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from django.utils.http import urlencode

from integrations.backend.notices import deliveries
from integrations.backend.notices import rows as notices
from integrations.backend.requests import rows as requests
from integrations.wire.plain_http import PlainRequest
from tests.staff.base.lists import caller
from tests.support.factories import Enabled
from tests.support.notice_factories import make_endpoint
from tests.support.query_plans import scans, statements

pytestmark = pytest.mark.django_db


def test_no_api_list_scans_a_table(two_outlets: Enabled) -> None:
    outlet = two_outlets.integration.outlet
    endpoint, _ = make_endpoint(name="Own", organisation=outlet.organisation)
    now = timezone.now().isoformat()
    lists: dict[Any, dict[str, Any]] = {
        requests.requests_page: {
            "outlet": outlet.provider_outlet_id,
            "state": "failed",
            "since": now,
            "ended_since": now,
            "request_id": "r-1",
            "correlation_id": "c-1",
        },
        deliveries.deliveries_page: {"endpoint_id": endpoint.pk, "state": "failed"},
        notices.events_page: {"outlet": outlet.provider_outlet_id, "kind": "request.finished", "after": 1},
    }
    for page, filters in lists.items():
        for organisation, some in itertools.product((None, outlet.organisation_id), every_choice_of(filters)):
            with statements() as sent:
                page(caller(organisation), PlainRequest({"path": "", "query_string": urlencode(some).encode()}, b""))
            assert [found for each in sent if (found := scans(*each))] == [], (page, some)


def every_choice_of(filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for count in range(len(filters) + 1):
        yield from map(dict, itertools.combinations(filters.items(), count))
