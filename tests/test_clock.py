"""The shared clock between two comparisons with the database's."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations import clock

DATABASE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_the_shared_time_goes_on_from_the_databases_whatever_this_hosts_clock_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "_ahead", DATABASE.timestamp() - time.monotonic() + 10)
    for jump in (timedelta(0), timedelta(seconds=-3), timedelta(hours=1)):
        with monkeypatch.context() as jumped:
            now = timezone.now() + jump
            jumped.setattr(timezone, "now", lambda now=now: now)
            assert timedelta(seconds=9) < clock.shared_now() - DATABASE < timedelta(seconds=60)
            assert clock.skew() == pytest.approx(clock.shared_now() - now, abs=timedelta(seconds=5))
