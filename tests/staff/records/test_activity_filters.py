"""The list of audit events can be limited to one person and to one day."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record

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


def test_only_the_events_of_one_person_are_shown(staff: Client) -> None:
    assert subjects(staff, person="anna") == ["anna on 2026-03-02", "anna on 2026-03-01"]


def test_only_the_events_of_one_day_are_shown(staff: Client) -> None:
    assert subjects(staff, day="2026-03-01") == ["ben on 2026-03-01", "anna on 2026-03-01"]
    assert subjects(staff, day="2026-03-03") == []


def test_a_day_begins_and_ends_at_midnight_in_the_time_zone_of_the_portal(staff: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"  # 12:00 UTC is already the next day there
    assert subjects(staff, day="2026-03-02") == ["ben on 2026-03-01", "anna on 2026-03-01"]


def test_both_filters_work_together_and_the_form_keeps_the_person(staff: Client) -> None:
    assert subjects(staff, person="ben", day="2026-03-02") == ["ben on 2026-03-02"]
    page = staff.get(ACTIVITY, {"person": "ben"}).content.decode()
    assert '<input type="hidden" name="person" value="ben">' in page


def test_the_name_in_a_row_leads_to_the_events_of_this_person(staff: Client) -> None:
    record(Verb.PRUNED, "x", actor=Actor("ben & co"))
    page = staff.get(ACTIVITY).content.decode()
    assert '<a href="?person=ben">ben</a>' in page
    assert '<a href="?person=ben+%26+co">ben &amp; co</a>' in page
    assert subjects(staff, person="ben & co") == ["x"]


@pytest.mark.parametrize("value", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31", "\x00"])
def test_an_invalid_day_is_refused(staff: Client, value: str) -> None:
    assert staff.get(ACTIVITY, {"day": value}).status_code == 400


@pytest.mark.parametrize("value", ["\x00", "x" * 201])
def test_an_impossible_name_is_refused(staff: Client, value: str) -> None:
    assert staff.get(ACTIVITY, {"person": value}).status_code == 400


def test_empty_values_show_all_events(staff: Client) -> None:
    assert len(subjects(staff, day="", person="")) == 4
