"""The lists of activity can be limited to days, and the list of audit events also to people."""

import re
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.rows import keyset_pages
from integrations.staff.base import keyset_lists
from tests.staff.base.lists import sign_in, url_of
from tests.support.factories import BELLA, make_organisation
from tests.support.staff.pages import be_refused, text
from tests.support.staff.world import make_world

ACTIVITY = reverse("admin:integrations_auditevent_changelist")


@pytest.fixture
def staff(client: Client, db: None, time_machine: Any) -> Client:
    """A signed-in browser. Anna and Ben each have one audit event on each of two days."""
    for day in ("2026-03-01", "2026-03-02"):
        time_machine.move_to(f"{day}T12:00:00Z", tick=False)
        for name in ("anna", "ben"):
            record(Verb.PRUNED, f"{name} on {day}", actor=Actor(name))
    client.force_login(User.objects.create_superuser("boss"))
    return client


def subjects(client: Client, **parameters: str) -> list[str]:
    return [row.subject for row in client.get(ACTIVITY, parameters).context["cl"].result_list]


@pytest.mark.parametrize("person", ["anna", "ANN", "nna", '"anna"', " anna "])
def test_only_the_events_of_one_person_are_shown(staff: Client, person: str) -> None:
    assert subjects(staff, person=person) == ["anna on 2026-03-02", "anna on 2026-03-01"]


def test_part_of_a_name_finds_all_people_who_have_it_newest_first(staff: Client) -> None:
    record(Verb.PRUNED, "of Jörg", actor=Actor("JÖRG"))
    record(Verb.PRUNED, "of a key", actor=Actor.api_key("annas kiosk", address=""))
    assert subjects(staff, person="n") == [
        "of a key", "ben on 2026-03-02", "anna on 2026-03-02", "ben on 2026-03-01", "anna on 2026-03-01",
    ]  # fmt: skip
    assert subjects(staff, person="jör") == subjects(staff, person="jo\u0308") == ["of Jörg"]
    assert subjects(staff, person="anna") == ["of a key", "anna on 2026-03-02", "anna on 2026-03-01"]
    assert subjects(staff, person='"ann"') == subjects(staff, person="zoe") == []


def test_the_people_of_a_part_of_a_name_are_paged(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset_lists, "read_page", partial(keyset_pages.read_page, size=2))
    found, parameters = list[str](), {"person": "n"}
    while parameters:
        page = staff.get(ACTIVITY, parameters).context["cl"]
        found += [row.subject for row in page.result_list]
        parameters = dict(parse_qsl((page.older or "").removeprefix("?")))
    assert found == ["ben on 2026-03-02", "anna on 2026-03-02", "ben on 2026-03-01", "anna on 2026-03-01"]


def test_a_limited_person_sees_the_events_of_their_organisation_itself(staff: Client) -> None:
    client = sign_in("limited")
    record(Verb.ORGANISATION_CHANGED, make_organisation(BELLA), actor=Actor("anna"))
    record(Verb.ORGANISATION_CHANGED, make_organisation("Osteria"), actor=Actor("anna"))
    for person in ("", "anna", "n"):
        assert subjects(client, person=person, verb__exact="organisation_changed") == [BELLA]


def test_events_are_limited_to_days(staff: Client) -> None:
    newer, older = ["ben on 2026-03-02", "anna on 2026-03-02"], ["ben on 2026-03-01", "anna on 2026-03-01"]
    assert subjects(staff, **{"from": "2026-03-01", "to": "2026-03-01"}) == older
    assert subjects(staff, **{"from": "2026-03-02"}) == newer
    assert subjects(staff, to="2026-03-01") == older
    assert subjects(staff, **{"from": "2026-03-03"}) == subjects(staff, to="2026-02-28") == []
    assert subjects(staff, **{"from": "2026-03-02", "to": "2026-03-01"}) == newer + older


def test_a_day_begins_and_ends_at_midnight_in_the_time_zone_of_the_portal(staff: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"  # 12:00 UTC is already the next day there
    days = {"from": "2026-03-02", "to": "2026-03-02"}
    assert subjects(staff, **days) == ["ben on 2026-03-01", "anna on 2026-03-01"]


def test_both_filters_work_together_and_each_form_keeps_the_other_value(staff: Client) -> None:
    both = {"person": "ben", "from": "2026-03-02", "to": "2026-03-05"}
    assert subjects(staff, **both) == ["ben on 2026-03-02"]
    page = staff.get(ACTIVITY, both).content.decode()
    assert '<input type="hidden" name="person" value="ben">' in page
    assert '<input type="hidden" name="from" value="2026-03-02">' in page
    assert "Dates: <strong>from 2026-03-02 to 2026-03-05</strong>" in page


def test_the_name_in_a_row_leads_to_the_events_of_this_person(staff: Client) -> None:
    record(Verb.PRUNED, "x", actor=Actor("ben & co"))
    page = staff.get(ACTIVITY).content.decode()
    assert '<a href="?person=%22ben%22">ben</a>' in page
    assert '<a href="?person=%22ben+%26+co%22">ben &amp; co</a>' in page
    assert subjects(staff, person='"ben & co"') == ["x"]
    assert subjects(staff, person='"ben"') == ["ben on 2026-03-02", "ben on 2026-03-01"]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31", "\x00"])
def test_an_invalid_day_is_refused(staff: Client, name: str, value: str) -> None:
    assert staff.get(ACTIVITY, {name: value}).status_code == 400


@pytest.mark.parametrize("value", ["\x00", "x" * 203])
def test_an_impossible_name_is_refused(staff: Client, value: str) -> None:
    assert staff.get(ACTIVITY, {"person": value}).status_code == 400


def test_empty_values_show_all_events(staff: Client) -> None:
    assert len(subjects(staff, **{"from": "", "to": "", "person": " "})) == 4


@pytest.mark.parametrize("name", ["request", "connection", "authattempt", "unrecognisedframe", "auditevent"])
def test_each_list_of_activity_is_limited_to_days(db: None, time_machine: Any, name: str) -> None:
    for day in ("2026-03-10", "2026-03-12"):
        time_machine.move_to(f"{day}T12:00:00Z", tick=False)
        make_world() if day == "2026-03-10" else be_refused(None, Outcome.UNKNOWN_OUTLET)
    staff = sign_in("administrator")
    rows = staff.get(url_of(name)).context["cl"].result_list
    moments = [getattr(row, {"request": "received_at", "connection": "opened_at"}.get(name, "at")) for row in rows]
    first = min(moments).date()
    of_first = staff.get(url_of(name, to=first)).context["cl"].result_list
    assert [row.pk for row in of_first] == [row.pk for row, at in zip(rows, moments, strict=True) if at.date() == first]
    later = staff.get(url_of(name, **{"from": first + timedelta(days=1)})).context["cl"].result_list
    assert len(rows) == len(of_first) + len(later) > 0


def test_one_click_selects_today_the_past_week_this_month_or_this_year(staff: Client) -> None:
    page = staff.get(ACTIVITY, {"person": "ben", "to": "2026-03-01"}).content.decode()
    links = dict(re.findall(r'<a href="\?from=([^"&]*)&amp;person=ben">([^<]*)</a>', page))
    assert links == {
        "2026-03-02": "Today", "2026-02-24": "Past 7 days", "2026-03-01": "This month", "2026-01-01": "This year",
    }  # fmt: skip
    chosen = staff.get(ACTIVITY, {"from": "2026-02-24"}).content.decode()
    assert '<a href="?from=2026-02-24" aria-current="true">Past 7 days</a>' in chosen


@pytest.mark.parametrize(
    ("name", "limit", "words"),
    [
        ("authattempt", {"at__gt": "2098-01-01T00:00:00Z"}, "After 1 January 2098, 00:00:00 UTC"),
        ("request", {"ended_at__gt": "2098-1-1 0:00Z"}, "After 1 January 2098, 00:00:00 UTC"),
        ("connection", {"integration__id__exact": "99"}, "One outlet"),
        ("request", {"api_key__id__exact": "99"}, "One API key"),
        ("auditevent", {"organisation__id__exact": "99"}, "One organisation"),
    ],
)
def test_a_limit_that_a_link_has_set_is_shown_and_can_be_removed(
    staff: Client, name: str, limit: dict[str, str], words: str
) -> None:
    page = staff.get(url_of(name, **limit))
    shown = text(page)
    assert f"{words} \u00d7 (remove this limit)" in shown
    assert "No matches. Show the whole list" in shown
    links = re.findall(r'href="(\?[^"]*)">(?:Clear all filters|[^<]*<span aria-hidden)', page.content.decode())
    assert links == ["?", "?"]
    assert "remove this limit" not in text(staff.get(url_of(name)))


def test_the_dates_keep_a_limit_that_a_link_has_set(staff: Client) -> None:
    limit = {"at__gt": "2026-01-01T00:00:00Z"}
    page = staff.get(url_of("authattempt", **limit, **{"from": "2026-03-01"}))
    assert "After 1 January 2026, 00:00:00 UTC" in text(page)
    assert 'href="?from=2026-03-01">After' in page.content.decode()


def test_the_rows_before_the_time_that_a_link_has_set_are_not_read(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", 4)
    monkeypatch.setattr(keyset_lists, "read_page", partial(keyset_pages.read_page, size=2))
    for _ in range(20):
        be_refused(None, Outcome.UNKNOWN_OUTLET)
    page = staff.get(url_of("authattempt", at__gt="2026-03-02T12:00:00Z"))
    assert page.context["cl"].result_list == []
    assert page.context["cl"].older is None
