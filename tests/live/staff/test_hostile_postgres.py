"""Staff pages handle values that only PostgreSQL rejects, a statement that waits too long, and the locale C."""

import re
from collections.abc import Iterator

import httpx2
import psycopg
import pytest

from tests.live.callers import browser as browsing
from tests.live.callers.clients import request
from tests.live.callers.staff import staff_client
from tests.live.stack.servers import Stack
from tests.support.staff.hostile import HOSTILE_LISTS, HOSTILE_VALUES

LISTS = re.compile(r'href="(/admin/(?:integrations|auth)/\w+/)"')
ANY_TEXT = {"person"}  # a filter by a name, which can be any text
LONG = 60  # the portal rejects longer values before it queries the list, so they need no test on PostgreSQL


@pytest.fixture(scope="module")
def portal(depot, postgres) -> Iterator[Stack]:  # type: ignore[no-untyped-def]
    stack = depot.make("serve", postgres=postgres, redis=None)
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def boss(portal: Stack) -> Iterator[httpx2.Client]:
    with staff_client(portal, browsing.first_login(portal)) as client:
        yield client


def test_no_query_string_makes_a_list_fail_on_postgresql(boss: httpx2.Client) -> None:
    lists = sorted(set(LISTS.findall(boss.get("/admin/").text)))
    assert len(lists) >= 15
    for url in lists:
        for query in (each for each in HOSTILE_LISTS if len(each) < LONG):
            assert boss.get(f"{url}?{query}").status_code == 400, (url, query)
        for parameter in set(re.findall(r"[?&;](\w+)=", boss.get(url).text)) - {"o", "p", "q"}:
            for value in (each for each in HOSTILE_VALUES if len(each) < LONG):
                wanted = (200, 400) if parameter in ANY_TEXT else (400,)
                assert boss.get(url, params={parameter: value}).status_code in wanted, (url, parameter, value)


def test_no_address_makes_a_page_fail_on_postgresql(boss: httpx2.Client) -> None:
    choices = {"app_label": "integrations", "model_name": "outlet", "field_name": "organisation"}
    assert boss.get("/admin/autocomplete/", params={**choices, "term": "\x00"}).status_code == 400
    for path in (
        "/admin/integrations/request/%00/change/",
        f"/admin/integrations/request/{2**63}/change/",
        "/admin/integrations/integration/many/%00/",
        "/admin/integrations/outlet/add/?organisation=%00",
        "/admin/integrations/outlet/add/?name=%00",
        f"/admin/integrations/integration/{2**63}/check/",
        "/admin/r/%00/%00/",
    ):
        assert boss.get(path).status_code in (200, 302, 400, 404), path


def test_a_statement_that_does_not_end_is_stopped_and_the_page_reports_it(boss: httpx2.Client, portal: Stack) -> None:
    url = "/admin/integrations/organisation/"
    with psycopg.connect(portal.database_url) as blocker:
        blocker.execute("LOCK TABLE integrations_organisation IN ACCESS EXCLUSIVE MODE")
        answer = boss.get(url)
        assert request(portal, "GET", "/healthz").status_code == 200
    assert (answer.status_code, "This took too long" in answer.text) == (503, True)
    assert boss.get(url).status_code == 200


def test_a_search_ignores_the_case_of_all_letters_also_in_the_locale_c(boss: httpx2.Client, portal: Stack) -> None:
    portal.enable_outlet("Bäckerei (Café.)")
    for url in ("/admin/search/", "/admin/integrations/outlet/"):
        assert "Bäckerei (Café.)</a>" in boss.get(url, params={"q": "ÄCKEREI (CAFÉ.)"}).text
        assert "Bäckerei (Café.)</a>" not in boss.get(url, params={"q": "ÄCKEREI (CAFÉx)"}).text


def test_a_search_finds_letters_with_a_longer_upper_case_in_a_locale_of_icu(boss: httpx2.Client, portal: Stack) -> None:
    with psycopg.connect(portal.database_url) as connection:
        connection.execute('ALTER TABLE integrations_outlet ALTER name TYPE varchar(200) COLLATE "de-x-icu"')
    for name, search in {"Große Straße": "GROßE STRAßE", "Der ΐ": "ΐ", "HÖHENSTRAẞE": "höhenstraße"}.items():
        portal.enable_outlet(name, f"--pos-remote-id={len(name)}")
        for url in ("/admin/search/", "/admin/integrations/outlet/"):
            assert f"{name}</a>" in boss.get(url, params={"q": search}).text, name


def test_an_invalid_session_key_is_no_session_on_postgresql(portal: Stack) -> None:
    for name in ("sessionid", "__Host-sessionid"):
        cookie = {"Cookie": rf'{name}="\000abcdefghijkl"'}
        for more in ({}, {"X-Fragment": "yes"}):
            assert request(portal, "GET", "/admin/", headers=cookie | more).status_code == 302
    assert "Traceback" not in portal.log_text()
