"""A process holds its connections for as long as it beats; another closes what it leaves behind."""

import os
import socket
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from integrations.models import Presence, ServerProcess
from integrations.models.connection import CloseReason
from integrations.relay.watch import process_lease, standings
from tests.relay.recording import MINUTE, presence_of, row_of, write
from tests.support.factories import NOON, Enabled, make_live, make_process

pytestmark = pytest.mark.django_db


def test_a_process_that_begins_has_a_lease(db: None) -> None:
    with time_machine.travel(NOON, tick=False):
        process = ServerProcess.objects.get(pk=process_lease.begin_lease())
    assert (process.host, process.pid) == (socket.gethostname(), os.getpid())
    assert (process.started_at, process.heartbeat_at, process.ended_at) == (NOON, NOON, None)


def test_a_lease_is_renewed_while_it_is_held(here: ServerProcess) -> None:
    with time_machine.travel(NOON + MINUTE, tick=False):
        assert process_lease.renew_lease(here.pk)
    here.refresh_from_db()
    assert here.heartbeat_at == NOON + MINUTE


def test_online_is_no_longer_true_half_a_minute_after_a_process_died(enabled: Enabled, here: ServerProcess) -> None:
    write(here, opened=[make_live(enabled.integration)])
    presence = Presence.objects.select_related("connection__process").get(integration=enabled.integration)
    for seconds, is_online in ((29, True), (31, False)):
        moment = NOON + timedelta(seconds=seconds)
        assert presence.is_online_at(moment) is is_online
        assert Presence.objects.online(moment).exists() is is_online
    assert presence.since_at(NOON + MINUTE) == NOON


def test_the_connections_of_a_process_that_died_are_closed_by_another(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    live = make_live(enabled.integration, opened_at=NOON - MINUTE)
    write(there, opened=[live])
    with time_machine.travel(NOON + timedelta(seconds=31), tick=False):
        process_lease.renew_lease(here.pk)
        assert process_lease.end_lost_leases(here.pk) == 1
    row, presence = row_of(live), presence_of(enabled)
    assert (row.closed_at, row.close_reason) == (NOON, CloseReason.SERVER_LOST)
    assert (presence.is_online, presence.since) == (False, NOON)
    there.refresh_from_db()
    assert there.ended_at == NOON


def test_a_process_that_beats_is_left_alone(enabled: Enabled, here: ServerProcess, there: ServerProcess) -> None:
    write(there, opened=[make_live(enabled.integration)])
    with time_machine.travel(NOON + timedelta(seconds=29), tick=False):
        assert process_lease.end_lost_leases(here.pk) == 0
    assert presence_of(enabled).is_online


def test_a_connection_never_ends_before_it_began(enabled: Enabled, here: ServerProcess, there: ServerProcess) -> None:
    live = make_live(enabled.integration, opened_at=NOON + timedelta(seconds=5))
    write(there, opened=[live])
    with time_machine.travel(NOON + MINUTE, tick=False):
        process_lease.end_lost_leases(here.pk)
    assert row_of(live).closed_at == live.opened_at


@pytest.mark.processes
def test_at_the_next_start_what_a_killed_forerunner_held_is_closed_at_once(enabled: Enabled) -> None:
    now = timezone.now()
    nobody = make_process(heartbeat_at=now, host=socket.gethostname(), pid=_pid_of_nobody())
    live = make_live(enabled.integration, opened_at=now)
    write(nobody, opened=[live])
    process_lease.begin_lease()
    assert row_of(live).close_reason == CloseReason.SERVER_LOST
    assert not presence_of(enabled).is_online


def test_at_the_next_start_a_forerunner_with_our_own_process_id_counts_as_dead(enabled: Enabled) -> None:
    now = timezone.now()
    forerunner = make_process(heartbeat_at=now, host=socket.gethostname(), pid=os.getpid())
    write(forerunner, opened=[make_live(enabled.integration, opened_at=now)])
    process_lease.begin_lease()
    assert not presence_of(enabled).is_online


@pytest.mark.processes
def test_a_process_that_lives_on_this_host_is_left_alone(enabled: Enabled) -> None:
    now = timezone.now()
    parent = make_process(heartbeat_at=now, host=socket.gethostname(), pid=os.getppid())
    elsewhere = make_process(heartbeat_at=now, host="another-host", pid=_pid_of_nobody())
    process_lease.begin_lease()
    assert set(ServerProcess.objects.filter(ended_at=None)) >= {parent, elsewhere}


def test_a_process_that_was_thought_dead_hears_of_it_and_takes_its_connections_back(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    live = make_live(enabled.integration)
    write(there, opened=[live])
    with time_machine.travel(NOON + MINUTE, tick=False):
        process_lease.end_lost_leases(here.pk)
        assert standings.closed_elsewhere(there.pk, NOON) == {live.id: CloseReason.SERVER_LOST}
        assert not process_lease.renew_lease(there.pk)
        assert write(there, opened=[live]) == []
        assert process_lease.renew_lease(there.pk)
    row = row_of(live)
    assert (row.closed_at, row.close_reason, row.close_code) == (None, "", None)
    assert presence_of(enabled).is_online


def test_what_was_replaced_while_its_process_was_thought_dead_ended_when_it_was_replaced(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    old = make_live(enabled.integration, opened_at=NOON - 60 * MINUTE)
    new = make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(there, opened=[old])
    with time_machine.travel(NOON + MINUTE, tick=False):
        process_lease.end_lost_leases(here.pk)
    write(here, opened=[new])
    assert write(there, opened=[old]) == [old]
    assert (row_of(old).closed_at, row_of(old).close_reason) == (NOON + MINUTE, CloseReason.REPLACED)
    assert presence_of(enabled).connection_id == new.id


def test_a_process_that_ends_closes_what_the_database_still_believes_it_to_hold(
    enabled: Enabled, here: ServerProcess
) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    with time_machine.travel(NOON + MINUTE, tick=False):
        process_lease.end_lease(here.pk)
    assert (row_of(live).closed_at, row_of(live).close_reason) == (NOON + MINUTE, CloseReason.RESTART)
    assert not presence_of(enabled).is_online
    here.refresh_from_db()
    assert here.ended_at == NOON + MINUTE


def _pid_of_nobody() -> int:
    """Return the number of a process that has ended and is reaped."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    return pid
