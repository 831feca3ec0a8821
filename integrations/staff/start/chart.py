"""The chart of the start page: outlets online as a line, requests as bars, over 24 hours. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integrations.services.overview.fleet import DAY, Fleet, Point

WIDTH, HEIGHT = 480, 96  # in units of the SVG's viewBox
SLOTS = 48  # half hours


@dataclass(frozen=True)
class Bar:
    """A bar for the requests that ended in one half hour."""

    x: float
    y: float
    height: float
    width: float


@dataclass(frozen=True)
class Row:
    """One hour of the table below the chart."""

    begins: datetime
    online: int
    enabled: int
    ended: int


@dataclass(frozen=True)
class Chart:
    line: str
    bars: tuple[Bar, ...]
    most_online: int
    most_ended: int
    rows: tuple[Row, ...]

    width = WIDTH
    height = HEIGHT


def chart_of(fleet: Fleet) -> Chart | None:
    """Return the chart, or None while there are fewer than two samples."""
    points = fleet.history
    if len(points) < 2:
        return None
    begin = fleet.at - DAY
    most_online = max(max(point.enabled, point.online) for point in points)
    ended = _by_slot(points, begin)
    return Chart(
        line=" ".join(f"{_x(p.at, begin):.1f},{_y(p.online, most_online):.1f}" for p in points),
        bars=_bars(ended),
        most_online=most_online,
        most_ended=max(ended),
        rows=_rows(points),
    )


def _by_slot(points: Sequence[Point], begin: datetime) -> list[int]:
    ended = [0] * SLOTS
    for point in points:
        slot = int((point.at - begin) / DAY * SLOTS)
        ended[min(max(slot, 0), SLOTS - 1)] += point.ended
    return ended


def _bars(ended: Sequence[int]) -> tuple[Bar, ...]:
    width, most = WIDTH / SLOTS, max(ended)
    return tuple(
        Bar(round(slot * width, 1), round(_y(count, most), 1), round(HEIGHT - _y(count, most), 1), round(width - 1, 1))
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


def _y(value: int, most: int) -> float:
    return HEIGHT - (value / most * (HEIGHT - 4) if most else 0)
