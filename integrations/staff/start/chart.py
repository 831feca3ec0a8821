"""The chart of the start page: outlets online as a line, requests as bars, over 24 hours. These functions do no I/O.

The line and the bars have separate axes. The chart ends at the next half hour, so its hours stay in place between
two refreshes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timezone import localtime

from integrations.services.overview.fleet_state import DAY, SAMPLE_EVERY, FleetState, Point

WIDTH, HEIGHT = 480, 100  # in units of the SVG's viewBox
HALF_HOUR = timedelta(minutes=30)
SLOTS = DAY // HALF_HOUR
STEPS = 4  # an axis has at most this many steps
HOURS_BETWEEN_TICKS = 3
MAJOR_HOURS = 6  # hours between two labels on a phone


@dataclass(frozen=True)
class Tick:
    """A labelled value on an axis. `at` is its distance from the top, in percent."""

    label: int
    at: float


@dataclass(frozen=True)
class Hour:
    """An hour marked on the time axis. `at` is its distance from the left edge, in percent."""

    moment: datetime
    at: float
    is_major: bool


@dataclass(frozen=True)
class Axis:
    """A scale that begins at 0, with round steps."""

    top: int
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Bar:
    """A bar for the requests that ended in one half hour."""

    x: float
    y: float
    height: float
    width: float


@dataclass(frozen=True)
class Row:
    """One row of the table below the chart: the values of one hour."""

    begins: datetime
    online: int
    enabled: int
    ended: int


@dataclass(frozen=True)
class Chart:
    """The chart's data. `since` is the time of the first sample, or None once the samples cover 24 hours."""

    line: str
    bars: tuple[Bar, ...]
    outlets: Axis
    requests: Axis
    hours: tuple[Hour, ...]
    since: datetime | None
    rows: tuple[Row, ...]

    width = WIDTH
    height = HEIGHT


def chart_of(fleet: FleetState) -> Chart | None:
    """Return the chart, or None while there are fewer than two samples."""
    points = fleet.history
    if len(points) < 2:
        return None
    begin = _half_hour_after(fleet.at) - DAY
    ended = _by_slot(points, begin)
    outlets = axis_of(max(max(point.enabled, point.online) for point in points))
    requests = axis_of(max(ended))
    return Chart(
        line=" ".join(f"{max(_x(p.at, begin), 0):.1f},{_y(p.online, outlets):.1f}" for p in points),
        bars=_bars(ended, requests),
        outlets=outlets,
        requests=requests,
        hours=tuple(_hours(begin)),
        since=points[0].at if points[0].at > fleet.at - DAY + 2 * SAMPLE_EVERY else None,
        rows=_rows(points),
    )


def axis_of(most: int) -> Axis:
    """Return the axis for values up to `most`: its step is 1, 2 or 5 times a power of ten."""
    step = next(step for step in _round_numbers() if step * STEPS >= most)
    top = max(-(-most // step), 1) * step
    return Axis(top, tuple(Tick(value, round(100 - value / top * 100, 1)) for value in range(0, top + 1, step)))


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _half_hour_after(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0) + HALF_HOUR


def _hours(begin: datetime) -> Iterator[Hour]:
    for slot in range(SLOTS + 1):
        moment = localtime(begin + slot * HALF_HOUR)
        if moment.minute == 0 and moment.hour % HOURS_BETWEEN_TICKS == 0:
            yield Hour(moment, round(slot / SLOTS * 100, 1), moment.hour % MAJOR_HOURS == 0)


def _by_slot(points: Sequence[Point], begin: datetime) -> list[int]:
    ended = [0] * SLOTS
    for point in points:
        if point.at >= begin:
            ended[(point.at - begin) // HALF_HOUR] += point.ended
    return ended


def _bars(ended: Sequence[int], axis: Axis) -> tuple[Bar, ...]:
    width = WIDTH / SLOTS
    return tuple(
        Bar(round(slot * width, 1), round(_y(count, axis), 1), round(HEIGHT - _y(count, axis), 1), round(width - 1, 1))
        for slot, count in enumerate(ended)
        if count
    )


def _rows(points: Sequence[Point]) -> tuple[Row, ...]:
    """Return a row for each hour, newest first: the lowest number of outlets online, and the sum of requests."""
    hours: dict[datetime, list[Point]] = {}
    for point in points:
        hours.setdefault(point.at.replace(minute=0, second=0, microsecond=0), []).append(point)
    return tuple(
        Row(hour, min(p.online for p in each), each[-1].enabled, sum(p.ended for p in each))
        for hour, each in sorted(hours.items(), reverse=True)
    )


def _x(moment: datetime, begin: datetime) -> float:
    return (moment - begin) / DAY * WIDTH


def _y(value: int, axis: Axis) -> float:
    return HEIGHT - value / axis.top * HEIGHT
