"""A process keeps its connections while it sends heartbeats; after its death another process closes them."""

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


def test_a_process_has_a_lease_from_its_start(db: None) -> None:
    with time_machine.travel(NOON, tick=False):
        process = ServerProcess.objects.get(pk=process_lease.begin_lease())
    assert (process.host, process.pid) == (socket.gethostname(), os.getpid())
    assert (process.started_at, process.heartbeat_at, process.ended_at) == (NOON, NOON, None)


def test_a_lease_is_renewed_while_it_is_held(here: ServerProcess) -> None:
    with time_machine.travel(NOON + MINUTE, tick=False):
        assert process_lease.renew_lease(here.pk)
    here.refresh_from_db()
    assert here.heartbeat_at == NOON + MINUTE


def test_an_outlet_is_offline_half_a_minute_after_its_process_died(enabled: Enabled, here: ServerProcess) -> None:
    write(here, opened=[make_live(enabled.integration)])
    presence = Presence.objects.select_related("connection__process").get(integration=enabled.integration)
    for seconds, is_online in ((29, True), (31, False)):
        moment = NOON + timedelta(seconds=seconds)
        assert presence.is_online_at(moment) is is_online
        assert Presence.objects.online(moment).exists() is is_online
    assert presence.since_at(NOON + MINUTE) == NOON


def test_another_process_closes_the_connections_of_a_dead_one(
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


def test_a_process_with_a_heartbeat_keeps_its_connections(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
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
def test_the_next_start_closes_the_connections_of_a_killed_predecessor_at_once(enabled: Enabled) -> None:
    now = timezone.now()
    dead = make_process(heartbeat_at=now, host=socket.gethostname(), pid=_unused_pid())
    live = make_live(enabled.integration, opened_at=now)
    write(dead, opened=[live])
    process_lease.begin_lease()
    assert row_of(live).close_reason == CloseReason.SERVER_LOST
    assert not presence_of(enabled).is_online


def test_a_predecessor_with_the_same_process_id_counts_as_dead(enabled: Enabled) -> None:
    now = timezone.now()
    predecessor = make_process(heartbeat_at=now, host=socket.gethostname(), pid=os.getpid())
    write(predecessor, opened=[make_live(enabled.integration, opened_at=now)])
    process_lease.begin_lease()
    assert not presence_of(enabled).is_online


@pytest.mark.processes
def test_a_live_process_on_this_host_keeps_its_connections(enabled: Enabled) -> None:
    now = timezone.now()
    parent = make_process(heartbeat_at=now, host=socket.gethostname(), pid=os.getppid())
    elsewhere = make_process(heartbeat_at=now, host="another-host", pid=_unused_pid())
    process_lease.begin_lease()
    assert set(ServerProcess.objects.filter(ended_at=None)) >= {parent, elsewhere}


def test_a_process_that_was_declared_dead_reopens_its_connections(
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


def test_a_connection_replaced_while_its_process_was_declared_dead_ended_at_that_moment(
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


def test_a_process_that_ends_closes_all_connections_recorded_for_it(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    with time_machine.travel(NOON + MINUTE, tick=False):
        process_lease.end_lease(here.pk)
    assert (row_of(live).closed_at, row_of(live).close_reason) == (NOON + MINUTE, CloseReason.RESTART)
    assert not presence_of(enabled).is_online
    here.refresh_from_db()
    assert here.ended_at == NOON + MINUTE


def _unused_pid() -> int:
    """Return the process ID of a process that has already ended and been reaped."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    return pid
