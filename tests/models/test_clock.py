"""The shared clock follows the database's clock, and deadlines follow the shared clock."""

import re
import time
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.utils import timezone

from integrations.management.commands import simulate_pos
from integrations.models import ApiKeySecret, Credential, SharedEntry, clock
from integrations.services.integration.pos_secrets import rotate_secret
from integrations.services.rows import remembered
from integrations.simulator import simulated_pos
from integrations.staff.signing_in.sessions import SessionStore
from portal.operations import backup
from portal.operations.doctor import database
from tests.support.asgi_client import authenticate
from tests.support.backend_client import Backend, make_outlet
from tests.support.factories import ANNA, Enabled
from tests.support.in_process import InProcess, in_main
from tests.support.project import PROJECT

DATABASE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_the_shared_clock_follows_the_databases_clock_even_if_this_hosts_clock_jumps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "_ahead", DATABASE.timestamp() - time.monotonic() + 10)
    for jump in (timedelta(0), timedelta(seconds=-3), timedelta(hours=1)):
        with monkeypatch.context() as jumped:
            now = timezone.now() + jump
            jumped.setattr(timezone, "now", lambda now=now: now)
            assert timedelta(seconds=9) < clock.shared_now() - DATABASE < timedelta(seconds=60)


def test_only_the_shared_clock_and_code_that_checks_it_read_this_hosts_clock() -> None:
    readers = {
        str(path)
        for source in ("portal", "integrations")
        for path in (PROJECT / source).rglob("*.py")
        if re.search(r"timezone\.now\(\)|datetime\.now\(|utcnow\(", path.read_text())
    }
    # These also read this host's clock: backup names contain its time, and simulated tills have no other clock.
    apart = {backup.__file__, simulate_pos.__file__, simulated_pos.__file__}
    assert readers - apart == {clock.__file__, database.__file__}


@pytest.mark.parametrize(
    ("known", "samples", "ahead"),
    [
        pytest.param(None, [(0.4, 100.3)] * 3, 100.3, id="the first estimate, however uncertain"),
        pytest.param(None, [(0.4, 100.3), (0.001, 100.0)], 100.0, id="a second sample that is more precise"),
        pytest.param(None, [(0.4, 100.3), (0.2, 100.1), (0.3, 100.2)], 100.1, id="the most precise of three"),
        pytest.param(100.0, [(0.4, 100.3)] * 3, 100.0, id="slow answers that do not contradict the estimate"),
        pytest.param(100.0, [(0.4, 103.0)] * 3, 103.0, id="slow answers that contradict it"),
        pytest.param(100.0, [(0.001, 100.3)], 100.3, id="a precise answer"),
    ],
)
def test_a_slow_answer_of_the_database_does_not_move_the_clock(
    monkeypatch: pytest.MonkeyPatch, known: float | None, samples: list[tuple[float, float]], ahead: float
) -> None:
    database = mock.Mock(vendor="postgresql")
    monkeypatch.setattr(clock, "connection", database)
    monkeypatch.setattr(clock, "_sample", mock.Mock(side_effect=samples))
    monkeypatch.setattr(clock, "_ahead", known)
    clock.compare()
    assert clock._ahead == ahead


@pytest.fixture
def hour_off(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Set the database's clock an hour ahead of this host's clock, or behind it."""
    monkeypatch.setattr(clock, "_ahead", time.time() + request.param - time.monotonic())


both = pytest.mark.parametrize("hour_off", [3600, -3600], indirect=True)


@both
@pytest.mark.usefixtures("hour_off")
@pytest.mark.parametrize(("minutes", "is_live"), [(-1, False), (1, True)])
def test_deadlines_follow_the_databases_clock(db: None, minutes: int, is_live: bool) -> None:
    end = clock.shared_now() + timedelta(minutes=minutes)
    SharedEntry.objects.create(key=cache.make_key("code"), value=1, expires_at=end)
    assert (cache.get("code") is not None) is is_live
    session = SessionStore()
    session.create()
    Session.objects.update(expire_date=end)
    assert bool(SessionStore(session.session_key)._get_session_from_db()) is is_live


@both
@pytest.mark.usefixtures("hour_off")
def test_sessions_end_by_the_databases_clock(db: None) -> None:
    session = SessionStore()
    session.create()
    left = Session.objects.get().expire_date - clock.shared_now()
    assert abs(left - timedelta(seconds=settings.SESSION_COOKIE_AGE)) < timedelta(minutes=5)


@both
@pytest.mark.usefixtures("hour_off")
def test_overlaps_end_by_the_databases_clock(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    end = enabled.integration.credentials.get(is_current=False).expires_at
    assert end is not None
    assert abs(end - clock.shared_now() - timedelta(hours=1)) < timedelta(minutes=5)


class EntryPoints(InProcess):
    async def test_api_keys_and_secrets_expire_by_the_databases_clock(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for hours in (1, -1):
            with mock.patch.object(clock, "_ahead", time.time() + hours * 3600 - time.monotonic()):
                for minutes, status in ((1, 200), (-1, 401)):
                    end = clock.shared_now() + timedelta(minutes=minutes)
                    await in_main(ApiKeySecret.objects.update, expires_at=end)
                    await in_main(Credential.objects.update, expires_at=end)
                    remembered.forget()
                    assert (await backend.get("outlets")).status == status
                    assert (await authenticate(outlet.handover.as_wire())).status == status
