"""Opening hours are read in the formats in which people write them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from integrations.models.fields.opening import check_hours, check_zone, open_since

VIENNA = ZoneInfo("Europe/Vienna")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIENNA)


@pytest.mark.parametrize(
    ("hours", "moment", "since"),
    [
        ("mon-fri 09:00-23:00", "2026-03-02 09:00", "2026-03-02 09:00"),
        ("mon-fri 09:00-23:00", "2026-03-02 08:59", None),
        ("mon-fri 09:00-23:00", "2026-03-02 23:00", None),
        ("mon-fri 09:00-23:00", "2026-03-01 12:00", None),
        ("sat,sun 10:00-02:00", "2026-03-02 01:59", "2026-03-01 10:00"),
        ("sat,sun 10:00-02:00", "2026-03-02 02:00", None),
        ("fri-mon 8:00-9:00", "2026-03-01 08:30", "2026-03-01 08:00"),
        ("sun 08:00-12:00; sun 18:00-24:00", "2026-03-01 20:00", "2026-03-01 18:00"),
        ("MON-SUN 00:00-24:00", "2026-03-01 20:00", "2026-03-01 00:00"),
        ("sun 01:00-05:00", "2026-03-29 03:30", "2026-03-29 01:00"),  # the clocks go forward at 02:00
    ],
)
def test_the_current_opening_hours_have_a_start(hours: str, moment: str, since: str | None) -> None:
    assert open_since(hours, VIENNA, at(moment)) == (at(since) if since else None)


@pytest.mark.parametrize("text", ["always", "mon 9-17", "mon 25:00-26:00", "foo 09:00-10:00", "mon 09:00-10:60"])
def test_invalid_opening_hours_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="Enter opening hours like"):
        check_hours(text)


@pytest.mark.parametrize("text", ["Vienna", "../etc/passwd", "CET+1"])
def test_an_invalid_time_zone_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="name of a time zone"):
        check_zone(text)
