"""The server's responses for the live part of a page."""

import logging

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Outlet, StaffLimit
from integrations.services.integration.enabling import disable
from integrations.services.people.groups import ADMINISTRATOR
from tests.support.factories import ANNA, Enabled, make_outlet
from tests.support.signing_in import refresh
from tests.support.staff.pages import act_url, be_seen, edit_url, list_url, page_url

START = reverse("admin:index")


def live_pages(enabled: Enabled) -> list[str]:
    pages = [START, list_url("outlet"), page_url(enabled.integration)]
    return [*pages, act_url(enabled.integration, "check")]


def test_a_fragment_is_exactly_a_part_of_its_page(staff: Client, enabled: Enabled) -> None:
    for url in live_pages(enabled):
        page, fragment = staff.get(url).content.decode(), refresh(staff, url).content.decode()
        assert "data-live" in page, url
        assert fragment in page, url
        assert "<html" not in fragment, url
        assert "csrfmiddlewaretoken" not in fragment, "the CSRF token differs each time"


def test_only_an_unchanged_fragment_is_answered_with_304(staff: Client, enabled: Enabled) -> None:
    for url in live_pages(enabled):
        first = refresh(staff, url)
        again = refresh(staff, url, etag=first["ETag"])
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), url
    known = {url: refresh(staff, url)["ETag"] for url in live_pages(enabled)}
    disable(enabled.integration, reason="Holiday", actor=ANNA)
    for url, etag in known.items():
        changed = refresh(staff, url, etag=etag)
        assert (changed.status_code, changed["ETag"] != etag) == (200, True), url


def test_a_fragment_must_not_be_cached(staff: Client, enabled: Enabled) -> None:
    for url in live_pages(enabled):
        answer = refresh(staff, url)
        assert "no-store" in answer["Cache-Control"]
        assert "no-store" in refresh(staff, url, etag=answer["ETag"])["Cache-Control"]


def test_a_refresh_keeps_the_search_and_filters_of_a_list(staff: Client, enabled: Enabled) -> None:
    make_outlet("Elsewhere")
    found = refresh(staff, f"{list_url('outlet')}?q={enabled.integration.outlet.name}").content.decode()
    assert enabled.integration.outlet.name in found
    assert "Elsewhere" not in found
    assert refresh(staff, f"{list_url('outlet')}?password=x").status_code == 400


def test_limited_staff_refresh_only_rows_that_they_may_see(client: Client, enabled: Enabled) -> None:
    other = make_outlet("Secret Place", organisation="Others")
    person = User.objects.create_user("limited", is_staff=True)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    StaffLimit.objects.create(user=person).organisations.add(enabled.integration.outlet.organisation)
    client.force_login(person)
    assert "Secret Place" not in refresh(client, list_url("outlet")).content.decode()
    assert refresh(client, START).status_code == 200
    StaffLimit.objects.get().organisations.set([other.organisation])
    shown = refresh(client, list_url("outlet")).content.decode()
    assert "Secret Place" in shown
    assert enabled.integration.outlet.name not in shown, "a changed limit must apply to the next refresh"
    assert refresh(client, act_url(enabled.integration, "check")).status_code == 404


def test_a_page_without_a_live_part_has_no_fragment(staff: Client, enabled: Enabled) -> None:
    for url in (edit_url(enabled.integration.outlet), list_url("request"), act_url(enabled.integration, "rotate")):
        assert "data-live" not in staff.get(url).content.decode(), url
        assert refresh(staff, url).status_code == 410, url


def test_a_page_whose_row_was_deleted_stops_refreshing(staff: Client) -> None:
    assert refresh(staff, reverse("admin:integrations_outlet_change", args=(10**6,))).status_code == 410


def test_a_first_page_without_figures_stops_refreshing(staff: Client, outlet: Outlet) -> None:
    assert "data-live" not in staff.get(START).content.decode()
    assert refresh(staff, START).status_code == 410


def test_a_message_is_kept_until_a_page_shows_it(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    staff.post(act_url(enabled.integration, "disconnect"))
    assert refresh(staff, page_url(enabled.integration)).status_code == 200
    assert 'class="messagelist"' in staff.get(page_url(enabled.integration)).content.decode()


def test_a_refresh_writes_nothing_to_the_log(staff: Client, enabled: Enabled, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for url in live_pages(enabled):
            assert refresh(staff, url, etag=refresh(staff, url)["ETag"]).status_code == 304
    assert caplog.records == []
