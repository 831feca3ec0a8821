"""All times in an answer have the same format, whatever the portal's time zone is."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from django.test import override_settings

from integrations.text.moments import iso
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, recorded

TIME = re.compile(r"\d{4}-\d\d-\d\dT")
IN_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    assert iso(datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))) == "2026-03-01T12:00:00Z"
    assert iso(datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)) == "2026-03-01T12:00:00.000005Z"


class Times(InProcess):
    @override_settings(TIME_ZONE="Asia/Kolkata")
    async def test_every_time_of_an_answer_is_in_utc_and_ends_in_z(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet):
            await recorded()
            sent = await backend.ask(outlet, mode="async", expires_in=60)
            paths = ("outlets", "requests", f"requests/{sent.json()['id']}", "api-key")
            for path in paths:
                answer = await backend.get(path)
                assert answer.status == 200
                found = times(answer.json())
                assert path == "api-key" or found
                assert [each for each in found if not IN_UTC.fullmatch(each)] == []


def times(value: Any) -> list[str]:
    """Return all strings in `value`, at any depth, that begin like a time."""
    if isinstance(value, dict):
        return [found for each in value.values() for found in times(each)]
    if isinstance(value, list):
        return [found for each in value for found in times(each)]
    return [value] if isinstance(value, str) and TIME.match(value) else []
