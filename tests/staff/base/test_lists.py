"""The lists and pages of the portal take few queries, and none scans a table."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from integrations.backend.notices import deliveries
from integrations.backend.notices import rows as notices
from integrations.backend.requests import rows as requests
from integrations.models import Alert, AuditEvent, Delivery, FleetSample, HandoverLink, Integration, WebhookEndpoint
from integrations.models.attempt import Outcome
from integrations.models.notices.alert import AlertKind
from integrations.services.overview.attention import Concern
from integrations.wire.plain_http import PlainRequest
from tests.staff.base.lists import LATER, caller, sign_in, url_of
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.notice_factories import make_endpoint
from tests.support.signing_in import refresh
from tests.support.staff.pages import be_refused, be_seen

pytestmark = pytest.mark.django_db
MOST_QUERIES = 10  # with those for the session and the person who opens the page
BOUNDED_SUBQUERY = re.compile(r'\(SELECT (U\d+)\."id"[^()]*? FROM "\w+" U\d+ ORDER BY [^()]* LIMIT \d+\)')
GROWING = {
    f"integrations_{name}"
    for name in ("request", "connection", "authattempt", "unrecognisedframe", "auditevent", "delivery", "notice")
}
NOT_LIVE = 410  # the answer to a refresh of a page without a live part
GROUPS = ("offline", "refused", *Concern)  # of the start page


def list_urls(two_outlets: Enabled) -> Iterator[str]:
    """Yield the URLs of each long list: bare, with each filter, with some pairs of filters, and with each search."""
    of_outlet: dict[str, Any] = {"integration__id__exact": two_outlets.integration.pk}
    chain: dict[str, Any] = {"organisation": two_outlets.integration.outlet.organisation_id}
    day = {"gte": timezone.now() - timedelta(days=2), "lt": timezone.now() - timedelta(days=1)}
    own: dict[str, list[dict[str, Any]]] = {
        "request": [
            of_outlet, chain, {"state__exact": "answered"}, {"state__exact": "failed"}, {"message_type": 1},
            {"result_code": 0}, {"result_code": 4}, {"result_code": "not-0"}, {**of_outlet, "state__exact": "failed"},
            {**chain, "state__exact": "failed"}, {**chain, "message_type": 77},
            {"state__exact": "failed", **within("received_at", day)}, {"api_key__id__exact": 1},
            {"state__exact": "answered", "ended_at__gt": timezone.now()},
        ],
        "connection": [of_outlet, chain, {"open": "yes"}, {"open": "no"}, {"close_reason__exact": "flooding"}],
        "authattempt": [of_outlet, chain, {"outcome__exact": "disabled"}, {"endpoint__exact": "websocket"}],
        "unrecognisedframe": [of_outlet, chain, {"kind__exact": "binary"}],
        "auditevent": [
            of_outlet, {"organisation__id__exact": 1}, {"outlet__id__exact": 1}, {"verb__exact": "disabled"},
            {"person": "anna"}, {"day": "2026-03-01"}, {"person": "anna", "day": "2026-03-01"},
        ],
        "delivery": [{"state__exact": "failed"}, {"endpoint__id__exact": 1}, {"notice__kind__exact": "webhook.test"}],
    }  # fmt: skip
    for name, each in own.items():
        searches: list[dict[str, Any]] = [{"q": word} for word in ("Trattoria Bella", "r-1", "198.51.")]
        if name not in ("request", "delivery"):
            each.append(within("opened_at" if name == "connection" else "at", day))
        yield url_of(name)
        for parameters in ({}, *each, *searches):
            yield url_of(name, **parameters, after=cursor_beyond_all_rows(name))


def within(field: str, day: dict[str, Any]) -> dict[str, object]:
    return {f"{field}__{name}": moment for name, moment in day.items()}


def cursor_beyond_all_rows(name: str) -> str:
    """Return a cursor beyond all rows, which forces the page query to use an index."""
    if name in ("request", "delivery"):
        return str(10**9)
    return f"{LATER}~{'ffffffff-ffff-ffff-ffff-ffffffffffff' if name == 'connection' else 10**9}"


def every_page(two_outlets: Enabled) -> Iterator[str]:
    yield reverse("admin:index")
    for model in site._registry.keys() - {Integration}:  # the address of its former list redirects
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    yield url_of("outlet", q="Station")
    yield url_of("outlet", state="online")
    rows = {
        "organisation": two_outlets.integration.outlet.organisation,
        "outlet": two_outlets.integration.outlet,
        "request": two_outlets.integration.requests.first(),
        "connection": two_outlets.integration.connections.first(),
        "authattempt": two_outlets.integration.attempts.first(),
        "unrecognisedframe": two_outlets.integration.unrecognised_frames.first(),
        "auditevent": AuditEvent.objects.filter(integration=two_outlets.integration).first(),
        "delivery": Delivery.objects.first(),
    }
    for name, row in rows.items():
        assert row is not None
        yield reverse(f"admin:integrations_{name}_change", args=(row.pk,))


def fill_pages(two_outlets: Enabled) -> None:
    """Add the other rows that the pages show.

    These are an offline outlet, an attempt with another outlet's POSRemoteID, and one row for each kind of concern.
    """
    now, organisation = timezone.now(), two_outlets.integration.outlet.organisation
    harbour = make_enabled_outlet("Harbour").integration
    be_seen(harbour, heartbeat_at=now, closed=True)
    be_refused(two_outlets.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id_of=harbour)
    FleetSample.objects.create(at=now - timedelta(minutes=9), organisation=organisation, enabled=2, online=1)
    FleetSample.objects.create(at=now - timedelta(minutes=4), organisation=organisation, enabled=2, online=1)
    Alert.objects.create(kind=AlertKind.OFFLINE, organisation=organisation, since=now, notify_at=now, notified_at=now)
    WebhookEndpoint.objects.update(failing_since=now)
    HandoverLink.objects.create(
        integration=two_outlets.integration, credential=two_outlets.integration.current_credential(), token_digest="d",
        salt="s", made_by="anna", expires_at=now + timedelta(hours=1),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["administrator", "limited"])
def test_every_list_and_page_takes_few_queries_and_scans_no_table(two_outlets: Enabled, name: str) -> None:
    fill_pages(two_outlets)
    client = sign_in(name)
    start = client.get(reverse("admin:index")).content.decode()
    assert [each for each in GROUPS if f'data-key="{each}"' not in start] == []
    assert "onp-plot" in start
    too_many: dict[str, Any] = {}
    scanned: dict[str, Any] = {}
    ways: dict[str, Callable[[str], Any]] = {"opened": client.get, "refreshed": partial(refresh, client)}
    asked = [(url, "opened") for url in list_urls(two_outlets)]
    asked += itertools.product(every_page(two_outlets), ways)
    for url, way in asked:
        with CaptureQueriesContext(connection) as sent:
            assert ways[way](url).status_code in (200, NOT_LIVE), url
        statements = [each["sql"] for each in sent]
        if len(statements) > MOST_QUERIES:
            too_many[url] = [sql[:160] for sql in statements]
        if found := [(step, sql) for sql in statements for step in scans(sql)]:
            scanned[url] = found
    assert (too_many, scanned) == ({}, {})


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
            with CaptureQueriesContext(connection) as sent:
                page(caller(organisation), PlainRequest({"path": "", "query_string": urlencode(some).encode()}, b""))
            assert [found for each in sent if (found := scans(each["sql"]))] == [], (page, some)


def every_choice_of(filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for count in range(len(filters) + 1):
        yield from map(dict, itertools.combinations(filters.items(), count))


def scans(sql: str) -> list[str]:
    """Return the steps of SQLite's plan that scan a growing table.

    Reading a table in key order until a page is full does not count, unless the statement filters or sorts the rows.
    """
    if not sql.startswith("SELECT") or connection.vendor != "sqlite":
        return []  # PostgreSQL scans small tables by design
    named = re.findall(r'"(integrations_\w+)"(?: ([A-Z]\d+))?', sql)
    names = {alias or table for table, alias in named if table in GROWING}
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        plan = [str(row[3]) for row in cursor.fetchall()]
    names -= set(BOUNDED_SUBQUERY.findall(sql))
    outside = re.sub(r"\(SELECT .*?LIMIT 1\)", "", sql)  # without the subqueries that look up one row by key
    if " LIMIT " in outside and " WHERE " not in outside and not any("TEMP B-TREE FOR ORDER" in step for step in plan):
        return []
    return [step for step in plan if step.startswith("SCAN ") and step.split()[1] in names]
