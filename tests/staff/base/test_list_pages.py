"""The lists use keyset pagination instead of page numbers."""

import itertools
import json
import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.backend.base.pagination import page_answer
from integrations.backend.requests import rows
from integrations.models import Connection, Integration, Request
from integrations.models.attempt import Outcome
from integrations.services.rows import keyset_pages
from integrations.staff.base.keyset_lists import INVALID_CURSOR
from integrations.wire.plain_http import PlainRequest
from tests.staff.base.lists import LATER, LONG_LISTS, caller, sign_in, url_of
from tests.support.factories import Enabled
from tests.support.staff.backend_pages import ask
from tests.support.staff.pages import be_refused, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_lists(two_outlets: Enabled) -> Enabled:
    """The rows of two_outlets, but with 250 requests that alternate between the two outlets. A page shows 50."""
    Request.objects.all().delete()
    owners = [Enabled(each, two_outlets.handover) for each in Integration.objects.order_by("pk")]
    for number in range(250):
        ask(owners[number % 2], f"web-{number:03}")
    return two_outlets


def shown(page: Any) -> list[str]:
    return re.findall(r'class="onp-id" title="([^"]+)"', page.content.decode())


def link(page: Any, which: str) -> str | None:
    found = re.search(rf'href="([^"]*)" rel="{which}"', page.content.decode())
    return unescape(found[1]) if found else None


def test_the_older_and_newer_links_show_each_row_once(long_lists: Enabled) -> None:
    client, url = sign_in("administrator"), url_of("request").removesuffix("?")
    expected = list(Request.objects.order_by("-pk").values_list("request_id", flat=True))
    found, page = [], client.get(url)
    assert link(page, "prev") is None
    assert "50 shown, newest first" in text(page)
    while True:
        found += shown(page)
        ask(long_lists, f"added-meanwhile-{len(found)}")
        if (older := link(page, "next")) is None:
            break
        page = client.get(url + older)
    assert found == expected
    back = [shown(page)]
    while newer := link(page, "prev"):
        page = client.get(url + newer)
        back.append(shown(page))
    assert list(itertools.chain.from_iterable(reversed(back)))[-len(expected) :] == expected


def test_limited_staff_see_their_own_rows_page_by_page(long_lists: Enabled) -> None:
    client, url = sign_in("limited"), url_of("request").removesuffix("?")
    expected = list(long_lists.integration.requests.order_by("-pk").values_list("request_id", flat=True))
    found: list[str] = []
    older: str | None = ""
    while older is not None:
        page = client.get(url + older)
        found += shown(page)
        older = link(page, "next")
    assert found == expected
    other_request = Request.objects.exclude(integration=long_lists.integration).first()
    assert other_request is not None
    assert shown(client.get(url_of("request", q=other_request.request_id))) == []


def test_an_api_list_of_one_organisation_shows_each_row_once(long_lists: Enabled) -> None:
    organisation = long_lists.integration.outlet.organisation_id
    found: list[int] = []
    next_link: str | None = "?limit=40"
    while next_link:
        query = urlsplit(next_link).query.encode()
        request = PlainRequest({"path": "/api/v1/requests", "query_string": query}, b"")
        page, after = rows.requests_page(caller(organisation), request)
        found += [row.pk for row in page]
        next_link = json.loads(page_answer(request, [], after).body)["next"]
    assert found == list(long_lists.integration.requests.order_by("-pk").values_list("pk", flat=True))


def test_rare_rows_are_searched_page_by_page(long_lists: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", 60)
    rare = Request.objects.order_by("pk")[3]
    Request.objects.filter(pk=rare.pk).update(ended_at=LATER)
    client, url = sign_in("administrator"), url_of("request")
    clicks = 0
    page = client.get(url_of("request", ended_at__gt="2098-01-01T00:00:00Z"))
    while older := link(page, "next"):
        assert "Searched back to" in text(page)
        assert "Continue the search" in text(page)
        assert "No matches" in text(page)
        page, clicks = client.get(url.removesuffix("?") + older), clicks + 1
    assert (clicks, shown(page)) == (2, [rare.request_id])


def test_a_search_for_a_prefix_that_all_rows_share_shows_the_newest(long_lists: Enabled) -> None:
    page = sign_in("administrator").get(url_of("request", q="web-"))
    assert shown(page)[0] == "web-249"
    assert len(shown(page)) == 50


def test_a_result_code_links_to_requests_with_the_same_code(two_outlets: Enabled) -> None:
    ask(two_outlets, "refused", state="refused", result_code=4, error_message="No.")
    client = sign_in("administrator")
    assert 'href="?result_code=4"' in client.get(url_of("request")).content.decode()
    assert shown(client.get(url_of("request", result_code=4))) == ["refused"]
    assert "refused" not in shown(client.get(url_of("request", result_code=0)))
    assert shown(client.get(url_of("request", result_code="not-0"))) == ["refused"]


@pytest.mark.parametrize("parameters", [{"after": "x"}, {"before": "1~2~3"}, {"after": "9" * 40}])
def test_an_invalid_list_position_shows_a_message_and_the_first_page(
    two_outlets: Enabled, parameters: dict[str, str]
) -> None:
    page = sign_in("administrator").get(url_of("request", **parameters))
    assert INVALID_CURSOR in text(page)
    assert len(shown(page)) == 6


@pytest.mark.parametrize("parameters", [{"o": "1"}, {"p": "7"}, {"all": ""}])
def test_unknown_list_parameters_are_ignored(two_outlets: Enabled, parameters: dict[str, str]) -> None:
    assert len(shown(sign_in("administrator").get(url_of("request", **parameters)))) == 6


def test_several_values_of_a_filter_are_all_shown(two_outlets: Enabled) -> None:
    ask(two_outlets, "failed", state="failed", result_code=None, answer=None)
    page = sign_in("administrator").get(url_of("request") + "state__exact=failed&state__exact=answered")
    assert len(shown(page)) == 7


def test_the_lists_never_count_their_rows(two_outlets: Enabled) -> None:
    client = sign_in("administrator")
    for name in LONG_LISTS:
        with CaptureQueriesContext(connection) as sent:
            client.get(url_of(name))
        assert [each["sql"] for each in sent if "COUNT(" in each["sql"]] == [], name


def test_an_attempt_with_an_unknown_id_is_found_by_its_prefix(two_outlets: Enabled) -> None:
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped-17")
    client = sign_in("administrator")
    assert "mistyped-17" in text(client.get(url_of("authattempt", q="mistyped")))
    assert "mistyped-17" not in text(client.get(url_of("authattempt", q="Station")))


def test_an_attempt_is_found_by_the_pos_remote_id_that_it_sent(two_outlets: Enabled) -> None:
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped-17", pos_remote_id="Sent-1")
    be_refused(two_outlets.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Sent-2")
    client = sign_in("administrator")
    page = text(client.get(url_of("authattempt", q="Sent-")))
    assert "Sent-1" in page
    assert "Sent-2" in page
    assert "Sent-1" not in text(client.get(url_of("authattempt", q="Sent-2")))


def test_open_connections_are_found_after_any_number_of_ended_ones(two_outlets: Enabled) -> None:
    client = sign_in("administrator")
    assert Connection.objects.filter(closed_at=None).count() == 2
    assert "2 shown" in text(client.get(url_of("connection", open="yes")))
    assert "0 shown" in text(client.get(url_of("connection", open="no")))
