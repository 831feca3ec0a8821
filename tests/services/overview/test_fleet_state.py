"""Tests the counts, the summary sentence and the chart of the start page, and which figures a person sees."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import FleetSample, Outlet
from integrations.models.attempt import Outcome
from integrations.models.request import RequestState
from integrations.services.integration import enabling
from integrations.services.overview.fleet_state import FleetState, read_fleet, take_sample
from integrations.staff.start.chart import HEIGHT, chart_of
from integrations.staff.start.figures import sentence_of
from tests.staff.conftest import boss, staff
from tests.support.factories import ANNA, make_enabled_outlet
from tests.support.staff.backend_pages import ask
from tests.support.staff.pages import be_refused, be_seen, text

__all__ = ["boss", "staff"]

FIGURE = re.compile(r'<a href="([^"]+)"[^>]*>(?:<span class="onp-shape"></span><span>)?<strong>(\d+)</strong>')

pytestmark = pytest.mark.django_db


def fleet_of(**changes: int) -> FleetState:
    counts = {"online": 0, "offline": 0, "never_seen": 0, "disabled": 0} | changes
    return FleetState(at=timezone.now(), went_offline=(), refusals=(), requests=(), history=(), **counts)


@pytest.mark.parametrize(
    ("fleet", "sentence"),
    [
        (fleet_of(), "No outlet is enabled."),
        (fleet_of(disabled=2), "No outlet is enabled."),
        (fleet_of(never_seen=1, disabled=2), "1 outlet enabled; its POS has not connected yet."),
        (fleet_of(never_seen=2), "2 outlets enabled; their POSes have not connected yet."),
        (fleet_of(online=1), "The enabled outlet is online."),
        (fleet_of(online=12), "All 12 enabled outlets are online."),
        (
            fleet_of(online=3, never_seen=2),
            "All enabled outlets that ever connected are online (3); 2 never connected.",
        ),
        (fleet_of(online=11, offline=1), "1 of 12 outlets is offline."),
        (fleet_of(offline=2), "2 of 2 outlets are offline."),
    ],
)
def test_the_summary_says_whether_everything_is_all_right(fleet: FleetState, sentence: str) -> None:
    assert sentence_of(fleet) == sentence


def test_each_outlet_is_counted_once_under_its_state() -> None:
    now = timezone.now()
    make_enabled_outlet("Never")
    be_seen(make_enabled_outlet("On").integration, heartbeat_at=now)
    be_seen(make_enabled_outlet("Off").integration, heartbeat_at=now, closed=True)
    be_seen(make_enabled_outlet("Killed").integration, heartbeat_at=now - timedelta(minutes=5))
    enabling.disable(make_enabled_outlet("Shut").integration, reason="Holiday", actor=ANNA)
    fleet = read_fleet(None)
    assert (fleet.online, fleet.offline, fleet.never_seen, fleet.disabled) == (1, 2, 1, 1)
    assert [each.name for each in fleet.went_offline] == ["Trattoria Bella – Off"]


def test_refusals_of_the_last_hour_are_counted_by_reason() -> None:
    outlet = make_enabled_outlet()
    for _ in range(2):
        be_refused(outlet.integration, Outcome.WRONG_SECRET)
    be_refused(outlet.integration, Outcome.ACCEPTED)
    old = be_refused(outlet.integration, Outcome.DISABLED)
    type(old).objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(hours=2))
    assert read_fleet(None).refusals == (("wrong_secret", 2),)


def test_requests_are_counted_once_before_and_after_a_sample() -> None:
    outlet = make_enabled_outlet()
    ask(outlet, "first", ended_at=timezone.now() - timedelta(seconds=30))
    take_sample()
    ask(outlet, "second", ended_at=timezone.now())
    ask(outlet, "third", ended_at=timezone.now(), state=RequestState.EXPIRED)
    requests = dict(read_fleet(None).requests)
    assert (requests["answered"], requests["expired"], requests["failed"]) == (2, 1, 0)


def test_a_person_without_organisations_sees_no_figure() -> None:
    outlet = make_enabled_outlet()
    be_seen(outlet.integration, heartbeat_at=timezone.now())
    be_refused(outlet.integration, Outcome.WRONG_SECRET)
    ask(outlet, ended_at=timezone.now())
    take_sample()
    fleet = read_fleet(frozenset())
    assert (fleet.online, fleet.offline, fleet.refusals, fleet.history) == (0, 0, (), ())
    assert not any(count for _, count in fleet.requests)


def test_samples_older_than_two_days_are_deleted() -> None:
    organisation = make_enabled_outlet().integration.outlet.organisation
    FleetSample.objects.create(at=timezone.now() - timedelta(hours=49), organisation=organisation, enabled=1, online=1)
    take_sample()
    assert FleetSample.objects.count() == 1


def test_the_chart_starts_at_the_second_sample_and_fits_its_frame() -> None:
    outlet = make_enabled_outlet()
    be_seen(outlet.integration, heartbeat_at=timezone.now())
    take_sample()
    assert chart_of(read_fleet(None)) is None
    ask(outlet, ended_at=timezone.now())
    take_sample()
    chart = chart_of(read_fleet(None))
    assert chart is not None
    assert (chart.outlets.top, chart.requests.top, sum(row.ended for row in chart.rows)) == (1, 1, 1)
    assert all(0 <= float(point.split(",")[1]) <= HEIGHT for point in chart.line.split())


def test_every_figure_links_to_a_list_of_that_many_rows(staff: Client) -> None:
    outlet = make_enabled_outlet()
    be_seen(outlet.integration, heartbeat_at=timezone.now())
    make_enabled_outlet("Never")
    be_refused(outlet.integration, Outcome.WRONG_SECRET)
    ask(outlet, ended_at=timezone.now())
    page = staff.get(reverse("admin:index"))
    assert "All enabled outlets that ever connected are online (1); 1 never connected." in text(page)
    found = FIGURE.findall(page.content.decode())
    assert len(found) == 4 + 1 + 5
    for url, count in found:
        rows = staff.get(url.replace("&amp;", "&")).context["cl"].result_list
        assert len(rows) == int(count), url


def test_a_new_portal_shows_the_next_step_and_no_empty_figures(staff: Client, outlet: Outlet) -> None:
    page = text(staff.get(reverse("admin:index")))
    assert "No outlet is enabled yet" in page
    assert "Last 24 hours" not in page
