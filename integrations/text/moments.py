"""Formats moments and durations as text."""

from datetime import UTC, datetime, timedelta

from django.utils import dateformat, timezone
from django.utils.timesince import timesince


def iso(moment: datetime, timespec: str = "auto") -> str:
    """Return a moment as text for programs: ISO 8601 in UTC, ending in Z. The moment may have any time zone."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def distance(moment: datetime, now: datetime) -> str:
    """Return the relative time: "5 minutes ago", "in 5 minutes" or "just now"."""
    if moment > now:
        return f"in {timesince(now, moment, depth=1)}"
    if (now - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, now, depth=1)} ago"


def exactly(moment: datetime) -> str:
    """Return a moment as text in local time, to the second and with the time zone."""
    return dateformat.format(timezone.localtime(moment), "j F Y, H:i:s T")


def lasted(length: timedelta) -> str:
    """Return a length of time as text, in one or two units, for example "3 d 4 h", "5 h 20 min", "12 min" or "40 s"."""
    seconds = max(int(length.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def span(length: timedelta) -> str:
    """Return a duration as text: in milliseconds below a second, then in seconds, minutes, hours."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
