"""Reads opening hours as staff type them: `mon-fri 09:00-23:00; sat,sun 10:00-02:00`. Does no I/O."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORM = "Enter opening hours like: mon-fri 09:00-23:00; sat,sun 10:00-02:00"

_PART = re.compile(r"([a-z,\- ]+?)\s+(\d\d?:\d\d)\s*-\s*(\d\d?:\d\d)")
_MIDNIGHT = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The opening hours of one weekday, as times since midnight; `ends` may lie on the next day."""

    day: int
    begins: timedelta
    ends: timedelta


def check_hours(text: str) -> None:
    """Raise ValidationError if the text is not valid opening hours."""
    _parse(text)


def check_zone(text: str) -> None:
    """Raise ValidationError if the text is not the name of a time zone."""
    if text not in available_timezones():
        raise ValidationError("Enter the name of a time zone, like Europe/Vienna.")


def open_since(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the opening period that contains `now` began; None if the outlet is closed at `now`."""
    local = now.astimezone(zone)
    begun = [moment for period in _parse(text) if (moment := _begun(period, local, now))]
    return min(begun, default=None)


def _begun(period: Period, local: datetime, now: datetime) -> datetime | None:
    for days_back in (0, 1):
        day = local.date() - timedelta(days=days_back)
        if day.weekday() != period.day:
            continue
        midnight = datetime.combine(day, time.min)
        begins = (midnight + period.begins).replace(tzinfo=local.tzinfo)
        ends = (midnight + period.ends).replace(tzinfo=local.tzinfo)
        if begins.timestamp() <= now.timestamp() < ends.timestamp():
            return begins
    return None


def _parse(text: str) -> list[Period]:
    periods = []
    for part in filter(None, (each.strip() for each in text.lower().split(";"))):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValidationError(FORM)
        begins, ends = _minutes(match[2]), _minutes(match[3])
        ends = ends if ends > begins else ends + _MIDNIGHT
        periods += [Period(day, begins, ends) for day in _days(match[1])]
    return periods


def _days(text: str) -> list[int]:
    days: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValidationError(FORM)
        start, end = DAYS.index(first), DAYS.index(last or first)
        days += [(start + step) % 7 for step in range((end - start) % 7 + 1)]
    return days


def _minutes(text: str) -> timedelta:
    hours, minutes = map(int, text.split(":"))
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise ValidationError(FORM)
    return timedelta(hours=hours, minutes=minutes)
