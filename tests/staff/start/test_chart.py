"""The start page's chart has one axis for outlets and one for requests, and says if its data covers less than a day."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from integrations.services.overview.fleet_state import DAY, FleetState, Point
from integrations.staff.start.chart import Chart, axis_of, chart_of

NOW = datetime(2026, 11, 28, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (7, [0, 2, 4, 6, 8]),
        (81, [0, 50, 100]),
        (1999, [0, 500, 1000, 1500, 2000]),
    ],
)
def test_an_axis_has_a_few_round_values_and_holds_the_largest(most: int, labels: Sequence[int]) -> None:
    axis = axis_of(most)
    assert [tick.label for tick in axis.ticks] == labels
    assert (axis.top, axis.ticks[0].at, axis.ticks[-1].at) == (labels[-1], 100, 0)


def test_outlets_and_requests_have_one_scale_each() -> None:
    chart = chart_of_points(Point(NOW - DAY + MINUTE, 3, 3, 0), Point(NOW - MINUTE, 3, 2, 700))
    assert (chart.outlets.top, chart.requests.top) == (3, 800)
    assert chart.line.split()[-1].endswith(",33.3")
    assert chart.bars[-1].height == 87.5


def test_requests_from_before_the_first_half_hour_are_not_drawn_in_it() -> None:
    chart = chart_of_points(Point(NOW - DAY + MINUTE, 1, 1, 900), Point(NOW, 1, 1, 3))
    assert (len(chart.bars), chart.requests.top) == (1, 3)


def test_the_time_axis_has_an_hour_every_three_hours() -> None:
    chart = chart_of_points(Point(NOW - 5 * MINUTE, 1, 1, 0), Point(NOW, 1, 1, 0))
    assert [hour.moment.hour % 3 for hour in chart.hours] == [0] * 8
    assert all(0 <= hour.at <= 100 for hour in chart.hours)
    assert [hour.is_major for hour in chart.hours].count(True) == 4


def test_the_hours_stay_in_place_between_two_refreshes() -> None:
    points = Point(NOW - 5 * MINUTE, 1, 1, 0), Point(NOW, 1, 1, 0)
    assert chart_of_points(*points) == chart_of_points(*points, at=NOW + 5 * MINUTE)


def test_a_chart_of_the_first_day_says_when_it_begins() -> None:
    begin = NOW - timedelta(hours=3)
    assert chart_of_points(Point(begin, 1, 1, 0), Point(NOW, 1, 1, 0)).since == begin
    assert chart_of_points(Point(NOW - DAY + MINUTE, 1, 1, 0), Point(NOW, 1, 1, 0)).since is None


def chart_of_points(*points: Point, at: datetime = NOW) -> Chart:
    fleet = FleetState(
        at, online=1, offline=0, never_seen=0, disabled=0, went_offline=(), refusals=(), requests=(), history=points
    )
    chart = chart_of(fleet)
    assert chart is not None
    return chart
