"""The lists and pages of the portal: few queries, none that reads a whole table, and keys instead of page numbers."""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from integrations.backend import rows
from integrations.backend.authentication import Caller
from integrations.backend.pagination import write_cursor
from integrations.models import (
    AuditEvent,
    Connection,
    Delivery,
    Integration,
    Request,
    StaffLimit,
    StrayFrame,
)
from integrations.models.attempt import Outcome
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.integration.enabling import enable_outlet
from integrations.services.notices import webhooks
from integrations.services.people.groups import ADMINISTRATOR
from integrations.services.rows import keyset_pages
from integrations.staff.base.keyset_lists import INVALID_CURSOR
from tests.staff.api_keys.test_staff_backend_pages import ask
from tests.staff.test_staff_pages import be_refused, be_seen, text
from tests.support.factories import ANNA, BELLA, Enabled, make_enabled_outlet, make_organisation, make_outlet

pytestmark = pytest.mark.django_db
MOST_QUERIES = 10
# What every page of staff asks first: who this is, and what this person may do and see.
OF_THE_PERSON = ("django_session", "auth_user", "auth_permission", "integrations_stafflimit")
GROWING = {
    f"integrations_{name}"
    for name in ("request", "connection", "authattempt", "strayframe", "auditevent", "delivery", "notice")
}
LONG_LISTS = ("request", "connection", "authattempt", "strayframe", "auditevent", "delivery")
OTHER_LISTS = (
    "organisation", "outlet", "integration", "handoverlink", "apikey", "messagetype", "alert",
    "webhookendpoint",
)  # fmt: skip
LATER = "2099-01-01T00:00:00+00:00"


@pytest.fixture
def cast(db: None) -> Enabled:
    """An outlet of Trattoria Bella and one of another organisation, with a few rows of everything."""
    enabled = make_enabled_outlet("Station")
    other = make_outlet("Pier", organisation="Nordlicht")
    theirs = Enabled(Integration.objects.none(), enable_outlet(other, pos_remote_id="N-1", actor=ANNA))  # type: ignore[arg-type]
    integrations = (enabled.integration, Integration.objects.get(outlet=other))
    create_api_key("Web shop", actor=ANNA)
    for integration in integrations:
        seen = be_seen(integration, heartbeat_at=timezone.now())
        be_refused(integration, Outcome.WRONG_SECRET)
        StrayFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id=seen.pk, kind="not_json", size=9, excerpt="x"
        )
        for number in range(3):
            ask(Enabled(integration, theirs.handover), f"r-{number}")
    endpoint, _ = webhooks.create_endpoint(
        "hook", url="https://example.com/", kinds=["outlet.online"], actor=ANNA,
        organisation=enabled.integration.outlet.organisation,
    )  # fmt: skip
    webhooks.send_test(endpoint, actor=ANNA)
    return enabled


def sign_in(name: str) -> Client:
    """An administrator by the portal's own group, and "limited" to Trattoria Bella."""
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    if name == "limited":
        StaffLimit.objects.create(user=person).organisations.add(make_organisation(BELLA))
    client = Client()
    client.force_login(person)
    return client


def url_of(name: str, **parameters: Any) -> str:
    return f"{reverse(f'admin:integrations_{name}_changelist')}?{urlencode(parameters)}"


def questions(cast: Enabled) -> Iterator[str]:
    """Every long list with each filter, alone and with a rare one, and with each kind of search."""
    of_outlet: dict[str, Any] = {"integration__id__exact": cast.integration.pk}
    chain: dict[str, Any] = {"organisation": cast.integration.outlet.organisation_id}
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
        "authattempt": [of_outlet, chain, {"outcome__exact": "disabled"}, {"door__exact": "websocket"}],
        "strayframe": [of_outlet, chain, {"kind__exact": "binary"}],
        "auditevent": [
            of_outlet, {"organisation__id__exact": 1}, {"outlet__id__exact": 1}, {"verb__exact": "disabled"},
        ],
        "delivery": [{"state__exact": "failed"}, {"endpoint__id__exact": 1}, {"notice__kind__exact": "webhook.test"}],
    }  # fmt: skip
    for name, each in own.items():
        searches: list[dict[str, Any]] = [{"q": word} for word in ("Trattoria Bella", "r-1", "198.51.")]
        if name not in ("request", "delivery"):
            each.append(within("opened_at" if name == "connection" else "at", day))
        yield url_of(name)
        for parameters in ({}, *each, *searches):
            yield url_of(name, **parameters, after=far_ahead(name))


def within(field: str, day: dict[str, Any]) -> dict[str, object]:
    return {f"{field}__{name}": moment for name, moment in day.items()}


def far_ahead(name: str) -> str:
    """A position before which there is nothing, so that a page must enter an index there."""
    if name in ("request", "delivery"):
        return str(10**9)
    return f"{LATER}~{'ffffffff-ffff-ffff-ffff-ffffffffffff' if name == 'connection' else 10**9}"


def every_page(cast: Enabled) -> Iterator[str]:
    yield reverse("admin:index")
    yield from (url_of(name) for name in OTHER_LISTS)
    yield url_of("outlet", q="Station")
    yield url_of("outlet", state="online")
    rows = {
        "organisation": cast.integration.outlet.organisation,
        "outlet": cast.integration.outlet,
        "integration": cast.integration,
        "request": cast.integration.requests.first(),
        "connection": cast.integration.connections.first(),
        "authattempt": cast.integration.attempts.first(),
        "strayframe": cast.integration.stray_frames.first(),
        "auditevent": AuditEvent.objects.filter(integration=cast.integration).first(),
        "delivery": Delivery.objects.first(),
    }
    for name, row in rows.items():
        assert row is not None
        yield reverse(f"admin:integrations_{name}_change", args=(row.pk,))


@pytest.mark.parametrize("name", ["administrator", "limited"])
def test_every_list_and_page_answers_with_few_queries_and_reads_no_whole_table(cast: Enabled, name: str) -> None:
    client = sign_in(name)
    too_many: dict[str, Any] = {}
    scanned: dict[str, Any] = {}
    for url in (*questions(cast), *every_page(cast)):
        with CaptureQueriesContext(connection) as sent:
            assert client.get(url).status_code == 200, url
        statements = [each["sql"] for each in sent]
        if len(own := [sql[:160] for sql in statements if not is_of_the_person(sql)]) > MOST_QUERIES:
            too_many[url] = own
        assert len(statements) - len(own) <= 5
        if found := [(step, sql) for sql in statements for step in scans(sql)]:
            scanned[url] = found
    assert (too_many, scanned) == ({}, {})


def test_no_list_of_the_api_reads_a_whole_table(cast: Enabled) -> None:
    outlet = cast.integration.outlet
    asked: list[dict[str, str]] = [
        dict(some) for count in range(4)
        for some in itertools.combinations(
            {"outlet": outlet.provider_outlet_id, "state": "failed", "since": timezone.now().isoformat()}.items(), count
        )
    ]  # fmt: skip
    for organisation, parameters in itertools.product((None, outlet.organisation_id), asked):
        with CaptureQueriesContext(connection) as sent:
            rows.requests_page(caller(organisation), QueryDict(urlencode(parameters)))
        assert [found for each in sent if (found := scans(each["sql"]))] == [], parameters


def is_of_the_person(sql: str) -> bool:
    return any(f'FROM "{table}"' in sql for table in OF_THE_PERSON) or 'INNER JOIN "auth_permission"' in sql


def scans(sql: str) -> list[str]:
    """Return the steps of SQLite's plan that read a table which grows, or sort it.

    Reading it in the order of its key until a page is full is none, unless the statement leaves rows out.
    """
    if not sql.startswith("SELECT") or connection.vendor != "sqlite":
        return []  # on PostgreSQL a table of few rows is rightly read whole
    named = re.findall(r'"(integrations_\w+)"(?: ([A-Z]\d+))?', sql)
    names = {alias or table for table, alias in named if table in GROWING}
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        plan = [str(row[3]) for row in cursor.fetchall()]
    outside = re.sub(r"\(SELECT .*?LIMIT 1\)", "", sql)  # without what is asked of each row by its key
    if " LIMIT " in outside and " WHERE " not in outside and not any("TEMP B-TREE FOR ORDER" in step for step in plan):
        return []
    return [step for step in plan if step.startswith("SCAN ") and step.split()[1] in names]


def caller(organisation: int | None) -> Caller:
    return Caller(0, "", "", None, None, 1, organisation, is_read_only=True)


# --- Keys instead of page numbers ---


@pytest.fixture
def full(cast: Enabled) -> Enabled:
    """The same with two pages and a half of requests to each of the two outlets, by turns."""
    Request.objects.all().delete()
    whose = [Enabled(each, cast.handover) for each in Integration.objects.order_by("pk")]
    for number in range(250):
        ask(whose[number % 2], f"web-{number:03}")
    return cast


def shown(page: Any) -> list[str]:
    return re.findall(r'class="onp-id" title="([^"]+)"', page.content.decode())


def link(page: Any, which: str) -> str | None:
    found = re.search(rf'href="([^"]*)" rel="{which}"', page.content.decode())
    return unescape(found[1]) if found else None


def test_older_and_newer_lead_through_the_list_and_show_each_row_once(full: Enabled) -> None:
    client, url = sign_in("administrator"), url_of("request").removesuffix("?")
    expected = list(Request.objects.order_by("-pk").values_list("request_id", flat=True))
    found, page = [], client.get(url)
    assert link(page, "prev") is None
    assert "50 shown, newest first" in text(page)
    while True:
        found += shown(page)
        ask(full, f"came-meanwhile-{len(found)}")
        if (older := link(page, "next")) is None:
            break
        page = client.get(url + older)
    assert found == expected
    back = [shown(page)]
    while newer := link(page, "prev"):
        page = client.get(url + newer)
        back.append(shown(page))
    assert list(itertools.chain.from_iterable(reversed(back)))[-len(expected) :] == expected


def test_limited_staff_see_theirs_page_by_page(full: Enabled) -> None:
    client, url = sign_in("limited"), url_of("request").removesuffix("?")
    expected = list(full.integration.requests.order_by("-pk").values_list("request_id", flat=True))
    found: list[str] = []
    older: str | None = ""
    while older is not None:
        page = client.get(url + older)
        found += shown(page)
        older = link(page, "next")
    assert found == expected
    theirs = Request.objects.exclude(integration=full.integration).first()
    assert theirs is not None
    assert shown(client.get(url_of("request", q=theirs.request_id))) == []


def test_an_api_list_of_one_organisation_shows_each_row_once(full: Enabled) -> None:
    organisation = full.integration.outlet.organisation_id
    found: list[int] = []
    query = QueryDict("limit=40", mutable=True)
    while True:
        page, after = rows.requests_page(caller(organisation), query)
        found += [row.pk for row in page]
        if after is None:
            break
        query["cursor"] = write_cursor(after)
    assert found == list(full.integration.requests.order_by("-pk").values_list("pk", flat=True))


def test_what_is_rare_is_looked_for_page_by_page(full: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", 60)
    rare = Request.objects.order_by("pk")[3]
    Request.objects.filter(pk=rare.pk).update(ended_at=LATER)
    client, url = sign_in("administrator"), url_of("request")
    looks = 0
    page = client.get(url_of("request", ended_at__gt="2098-01-01T00:00:00Z"))
    while older := link(page, "next"):
        assert "Searched back to" in text(page)
        assert "Continue the search" in text(page)
        assert "No matches" in text(page)
        page, looks = client.get(url.removesuffix("?") + older), looks + 1
    assert (looks, shown(page)) == (2, [rare.request_id])


def test_a_search_for_a_beginning_that_all_have_shows_the_newest(full: Enabled) -> None:
    page = sign_in("administrator").get(url_of("request", q="web-"))
    assert shown(page)[0] == "web-249"
    assert len(shown(page)) == 50


def test_a_result_code_leads_to_those_like_it(cast: Enabled) -> None:
    ask(cast, "refused", state="refused", result_code=4, error_message="No.")
    client = sign_in("administrator")
    assert 'href="?result_code=4"' in client.get(url_of("request")).content.decode()
    assert shown(client.get(url_of("request", result_code=4))) == ["refused"]
    assert "refused" not in shown(client.get(url_of("request", result_code=0)))
    assert shown(client.get(url_of("request", result_code="not-0"))) == ["refused"]


@pytest.mark.parametrize("parameters", [{"after": "x"}, {"before": "1~2~3"}, {"after": "9" * 40}])
def test_a_place_in_the_list_that_is_none_says_so_and_shows_the_beginning(
    cast: Enabled, parameters: dict[str, str]
) -> None:
    page = sign_in("administrator").get(url_of("request", **parameters))
    assert INVALID_CURSOR in text(page)
    assert len(shown(page)) == 6


@pytest.mark.parametrize("parameters", [{"o": "1"}, {"p": "7"}, {"all": ""}])
def test_what_the_list_does_not_know_changes_nothing(cast: Enabled, parameters: dict[str, str]) -> None:
    assert len(shown(sign_in("administrator").get(url_of("request", **parameters)))) == 6


def test_several_values_of_a_filter_are_all_shown(cast: Enabled) -> None:
    ask(cast, "failed", state="failed", result_code=None, answer=None)
    page = sign_in("administrator").get(url_of("request") + "state__exact=failed&state__exact=answered")
    assert len(shown(page)) == 7


def test_the_lists_never_count_their_rows(cast: Enabled) -> None:
    client = sign_in("administrator")
    for name in LONG_LISTS:
        with CaptureQueriesContext(connection) as sent:
            client.get(url_of(name))
        assert [each["sql"] for each in sent if "COUNT(" in each["sql"]] == [], name


def test_an_attempt_with_an_id_that_no_outlet_has_is_found_by_its_beginning(cast: Enabled) -> None:
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped-17")
    client = sign_in("administrator")
    assert "mistyped-17" in text(client.get(url_of("authattempt", q="mistyped")))
    assert "mistyped-17" not in text(client.get(url_of("authattempt", q="Station")))


def test_open_connections_are_found_behind_any_number_that_ended(cast: Enabled) -> None:
    client = sign_in("administrator")
    assert Connection.objects.filter(closed_at=None).count() == 2
    assert "2 shown" in text(client.get(url_of("connection", open="yes")))
    assert "0 shown" in text(client.get(url_of("connection", open="no")))
