"""What the processes write of their connections, so that exactly one is live and online is true."""

import os
import socket
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError
from django.utils import timezone

from integrations.models import AuthAttempt, Connection, Credential, Presence, ServerProcess, StrayFrame
from integrations.models.attempt import Door, Outcome, StrayFrameKind
from integrations.models.connection import CloseReason
from integrations.relay.records import batch, record_writer
from integrations.relay.records.batch import Attempt, Batch, Closing
from integrations.relay.records.record_writer import STRAYS_PER_INTEGRATION
from integrations.relay.sockets.registry import Live
from integrations.relay.watch import process_lease, standings
from integrations.security.secret_digests import SecretKind, digest_generated
from integrations.services.integration.enabling import disable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from integrations.services.rows.chunks import CHUNK
from tests.support.factories import ANNA, NOON, Enabled, make_enabled_outlet, make_live, make_process

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def here(db: None) -> ServerProcess:
    return make_process(host="here")


@pytest.fixture
def there(db: None) -> ServerProcess:
    return make_process(host="there")


def write(
    process: ServerProcess,
    *,
    opened: Sequence[Live] = (),
    closed: Sequence[Closing] = (),
    counted: Sequence[Live] = (),
    attempts: Sequence[Attempt] = (),
    strays: Sequence[StrayFrame] = (),
) -> list[Live]:
    """Write a batch as that process would; return those that lost their outlet."""
    batch = Batch(opened={live.id: live for live in opened}, counted={live.id: live for live in counted})
    batch.closed.update({closing.live.id: closing for closing in closed})
    batch.attempts.extend(attempts)
    batch.strays.extend(strays)
    return record_writer.write(batch, process.pk)


def closing(live: Live, at: datetime, reason: CloseReason = CloseReason.BY_POS, code: int | None = 1000) -> Closing:
    return Closing(live, at, code, reason)


def presence_of(enabled: Enabled) -> Presence:
    return Presence.objects.get(integration=enabled.integration)


def row_of(live: Live) -> Connection:
    return Connection.objects.get(pk=live.id)


# --- Opened and closed


def test_an_opened_connection_is_a_row_and_its_outlet_is_online(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    assert write(here, opened=[live]) == []
    row, presence = row_of(live), presence_of(enabled)
    assert (row.opened_at, row.closed_at, row.address, row.user_agent) == (NOON, None, "198.51.100.7", "PowerEPOS/8.1")
    assert (row.credential_id, row.generation, row.process_id) == (live.credential_id, 1, here.pk)
    assert (presence.is_online, presence.since, presence.last_seen_at) == (True, NOON, NOON)
    assert presence.connection_id == live.id


def test_a_closed_connection_says_when_why_and_how_much_it_carried(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    live.frames_in, live.frames_out, live.stray_frames = 5, 4, 3
    write(here, closed=[closing(live, NOON + MINUTE, CloseReason.FLOODING, 1008)])
    row, presence = row_of(live), presence_of(enabled)
    assert (row.closed_at, row.close_code, row.close_reason) == (NOON + MINUTE, 1008, CloseReason.FLOODING)
    assert (row.frames_in, row.frames_out, row.stray_frames) == (5, 4, 3)
    assert (presence.is_online, presence.since, presence.last_seen_at) == (False, NOON + MINUTE, NOON + MINUTE)


def test_a_connection_that_opened_and_closed_within_one_batch_is_closed(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live], closed=[closing(live, NOON + MINUTE)])
    assert row_of(live).closed_at == NOON + MINUTE
    assert not presence_of(enabled).is_online


def test_the_frames_of_a_connection_that_goes_on_are_seen_meanwhile(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    live.frames_in = 7
    write(here, counted=[live])
    assert (row_of(live).frames_in, row_of(live).closed_at) == (7, None)
    assert presence_of(enabled).is_online


def test_a_late_count_does_not_open_what_was_closed(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live], closed=[closing(live, NOON + MINUTE)])
    live.frames_in = 7
    write(here, counted=[live])
    assert (row_of(live).frames_in, row_of(live).closed_at) == (0, NOON + MINUTE)


def test_a_storm_of_more_rows_than_one_statement_takes_is_written(enabled: Enabled, here: ServerProcess) -> None:
    lives = [make_live(enabled.integration, opened_at=NOON + timedelta(seconds=n)) for n in range(CHUNK + 5)]
    losers = write(here, opened=lives)
    assert Connection.objects.count() == CHUNK + 5
    assert Connection.objects.get(closed_at=None).pk == lives[-1].id
    assert len(losers) >= 4
    assert lives[-1] not in losers


def test_closings_of_more_rows_than_one_statement_takes_are_written(enabled: Enabled, here: ServerProcess) -> None:
    lives = [make_live(enabled.integration, opened_at=NOON + timedelta(seconds=n)) for n in range(CHUNK + 5)]
    write(here, opened=lives, closed=[closing(live, NOON + 10 * MINUTE) for live in lives])
    assert not Connection.objects.filter(closed_at=None).exists()
    assert not presence_of(enabled).is_online


# --- The newest wins


def test_a_newer_connection_takes_the_outlet_over(enabled: Enabled, here: ServerProcess) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    assert write(here, opened=[new]) == []
    assert (row_of(old).closed_at, row_of(old).close_reason) == (NOON + MINUTE, CloseReason.REPLACED)
    assert (row_of(new).closed_at, presence_of(enabled).connection_id) == (None, new.id)


def test_a_connection_from_before_a_clock_was_set_back_does_not_count_as_newer(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    now = timezone.now()
    old = make_live(enabled.integration, opened_at=now + 60 * MINUTE)
    new = make_live(enabled.integration, opened_at=now)
    write(here, opened=[old])
    assert write(there, opened=[new]) == []
    assert (row_of(old).close_reason, row_of(new).closed_at) == (CloseReason.REPLACED, None)
    assert presence_of(enabled).connection_id == new.id


def test_a_newer_connection_takes_the_outlet_over_from_another_process(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(there, opened=[new])
    assert standings.closed_elsewhere(here.pk, NOON) == {old.id: CloseReason.REPLACED}
    assert standings.closed_elsewhere(there.pk, NOON) == {}
    assert presence_of(enabled).connection_id == new.id


def test_an_older_connection_that_is_written_later_loses(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(there, opened=[new])
    assert write(here, opened=[old]) == [old]
    assert row_of(old).close_reason == CloseReason.REPLACED
    assert (row_of(new).closed_at, presence_of(enabled).connection_id) == (None, new.id)


def test_of_two_in_one_batch_the_newer_stays(enabled: Enabled, here: ServerProcess) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    assert write(here, opened=[new, old]) == [old]
    assert (row_of(new).closed_at, row_of(old).close_reason) == (None, CloseReason.REPLACED)


def test_of_two_at_the_same_moment_both_processes_choose_the_same_one(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    first, second = make_live(enabled.integration), make_live(enabled.integration)
    write(there, opened=[second])
    assert write(here, opened=[first]) == [first]
    Connection.objects.all().update(closed_at=NOON)
    write(here, opened=[first])
    assert write(there, opened=[second]) == []
    assert Connection.objects.get(closed_at=None).pk == second.id


def test_of_two_at_the_same_moment_in_one_batch_the_same_one_is_chosen(enabled: Enabled, here: ServerProcess) -> None:
    smaller = make_live(enabled.integration, id=uuid.UUID(int=255))
    larger = make_live(enabled.integration, id=uuid.UUID(int=256))
    assert write(here, opened=[larger, smaller]) == [smaller]


def test_a_connection_that_had_ended_by_itself_was_not_replaced_and_the_outlet_stays_online(
    enabled: Enabled, here: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(here, opened=[new])
    old.frames_in = 9
    write(here, closed=[closing(old, NOON + 5 * MINUTE, CloseReason.LINK_LOST, 4409)])
    row = row_of(old)
    assert (row.closed_at, row.close_reason) == (NOON + MINUTE, CloseReason.LINK_LOST)
    assert (row.close_code, row.frames_in) == (4409, 9)
    assert presence_of(enabled).is_online
    assert presence_of(enabled).connection_id == new.id


def test_the_end_of_the_old_and_the_opening_of_the_new_in_one_batch_are_not_a_takeover(
    enabled: Enabled, here: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(here, opened=[new], closed=[closing(old, NOON + MINUTE, CloseReason.TOO_LARGE, 1009)])
    assert row_of(old).close_reason == CloseReason.TOO_LARGE
    assert presence_of(enabled).connection_id == new.id
    assert presence_of(enabled).is_online


def test_the_closing_of_the_old_and_the_opening_of_the_new_in_one_batch_leave_the_outlet_online(
    enabled: Enabled, here: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(here, opened=[new], closed=[closing(old, NOON + MINUTE, CloseReason.REPLACED, 4409)])
    assert presence_of(enabled).connection_id == new.id
    assert presence_of(enabled).is_online


def test_the_closing_of_a_connection_that_was_never_written_changes_nothing(
    enabled: Enabled, here: ServerProcess
) -> None:
    write(here, closed=[closing(make_live(enabled.integration), NOON)])
    assert not Connection.objects.exists()
    assert presence_of(enabled).last_seen_at is None


def test_other_outlets_are_left_alone(enabled: Enabled, here: ServerProcess) -> None:
    other = make_enabled_outlet("Airport")
    mine, theirs = make_live(enabled.integration), make_live(other.integration)
    write(here, opened=[mine, theirs])
    write(here, closed=[closing(mine, NOON + MINUTE)])
    assert (presence_of(enabled).is_online, presence_of(other).is_online) == (False, True)


# --- Used, tried, strayed


def test_last_used_is_written_for_all_of_a_batch(enabled: Enabled, here: ServerProcess) -> None:
    credential = enabled.integration.current_credential()
    record_writer.write(Batch(used={credential.pk: NOON}), here.pk)
    credential.refresh_from_db()
    assert credential.last_used_at == NOON


def test_a_secret_that_was_proved_under_an_older_key_is_kept_under_the_new_one(
    enabled: Enabled, here: ServerProcess
) -> None:
    credential = enabled.integration.current_credential()
    digest = digest_generated(SecretKind.POS_SECRET, enabled.handover.auth_secret)
    Credential.objects.filter(pk=credential.pk).update(digest="old", key_id="old")
    record_writer.write(Batch(redigested={credential.pk: digest}), here.pk)
    credential.refresh_from_db()
    assert (credential.digest, credential.key_id) == (digest.value, digest.key_id)


def attempt(remote: str, outcome: Outcome = Outcome.WRONG_POS_REMOTE_ID) -> Attempt:
    return Attempt(at=NOON, door=Door.AUTH, outcome=outcome, pos_remote_id=remote)


def test_a_wrong_pos_remote_id_refers_to_its_outlet_without_naming_it(enabled: Enabled, here: ServerProcess) -> None:
    write(here, attempts=[attempt(enabled.handover.pos_remote_id)])
    row = AuthAttempt.objects.get()
    assert (row.pos_remote_id_of_id, row.detail) == (enabled.integration.pk, "")


def test_a_pos_remote_id_of_no_outlet_refers_to_none(enabled: Enabled, here: ServerProcess) -> None:
    write(here, attempts=[attempt("unknown")])
    row = AuthAttempt.objects.get()
    assert (row.pos_remote_id_of_id, row.detail) == (None, "")


def test_other_refusals_are_not_explained_by_a_pairing(enabled: Enabled, here: ServerProcess) -> None:
    write(here, attempts=[attempt(enabled.handover.pos_remote_id, Outcome.WRONG_SECRET)])
    assert AuthAttempt.objects.get().pos_remote_id_of_id is None


def stray(enabled: Enabled, number: int) -> StrayFrame:
    return StrayFrame(
        at=NOON + timedelta(seconds=number),
        integration=enabled.integration,
        connection_id=uuid.UUID(int=1),
        kind=StrayFrameKind.NOT_JSON,
        size=number,
    )


def test_of_an_integrations_stray_frames_the_newest_are_kept(enabled: Enabled, here: ServerProcess) -> None:
    other = make_enabled_outlet("Airport")
    write(here, strays=[stray(other, 0)])
    for start in (0, 40, 80):
        write(here, strays=[stray(enabled, number) for number in range(start, start + 40)])
    kept = StrayFrame.objects.filter(integration=enabled.integration).values_list("size", flat=True)
    assert sorted(kept) == list(range(120 - STRAYS_PER_INTEGRATION, 120))
    assert StrayFrame.objects.filter(integration=other.integration).count() == 1


def test_a_batch_is_written_as_a_whole_or_not_at_all(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    nothing = attempt("x")
    nothing.outcome = None  # type: ignore[assignment]  # what the database refuses
    with pytest.raises(IntegrityError):
        write(here, opened=[live], attempts=[nothing])
    assert not Connection.objects.exists()


def test_in_parts_only_what_the_database_refuses_is_given_up(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    nothing = attempt("x")
    nothing.outcome = None  # type: ignore[assignment]
    batch = Batch(opened={live.id: live})
    batch.attempts.append(nothing)
    batch.strays.append(stray(enabled, 1))
    assert record_writer.write_in_parts(batch, here.pk) == []
    assert presence_of(enabled).is_online
    assert StrayFrame.objects.count() == 1
    assert AuthAttempt.objects.count() == 0


def test_a_batch_that_is_put_back_takes_every_kind_of_record_that_came_after_it() -> None:
    older, newer = Batch(), Batch()
    for number, each in enumerate((older, newer)):
        for records in each.collections():
            if isinstance(records, dict):
                records |= {"both": number, number: number}
            else:
                records.append(number)
    assert older.add(newer) == 0
    for records in older.collections():
        assert records in ({"both": 1, 0: 0, 1: 1}, deque([0, 1]))
    assert len(older) == sum(len(records) for records in older.collections())
    assert not Batch()


def test_of_attempts_that_are_put_back_the_oldest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ATTEMPTS_KEPT", 3)
    older, newer = Batch(), Batch()
    older.attempts.extend(attempt(name) for name in "ab")
    newer.attempts.extend(attempt(name) for name in "cd")
    assert older.add(newer) == 1
    assert [each.pos_remote_id for each in older.attempts] == list("bcd")


# --- Leases


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


# --- Standing


def test_what_staff_changed_is_seen_by_when_it_changed(enabled: Enabled) -> None:
    make_enabled_outlet("Airport")
    moment = timezone.now()
    assert standings.changed_since(moment, {}) == {}
    disable(enabled.integration, reason="pause", actor=ANNA)
    changed = standings.changed_since(moment, {})
    assert list(changed) == [enabled.integration.pk]
    standing = changed[enabled.integration.pk]
    assert (standing.is_enabled, standing.generation) == (False, 2)
    assert standing.provider_outlet_id == enabled.handover.provider_outlet_id


def test_a_standing_names_the_credentials_that_live_and_when_they_expire(enabled: Enabled) -> None:
    pk = enabled.integration.pk
    old = enabled.integration.current_credential()
    with time_machine.travel(NOON, tick=False) as clock:
        rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
        new = enabled.integration.current_credential()
        both = {old.pk: NOON + timedelta(hours=1), new.pk: None}
        assert standings.standings_of([pk])[pk].live_credentials == both
        clock.shift(timedelta(hours=1))
        assert standings.standings_of([pk])[pk].live_credentials == {new.pk: None}


def test_a_credential_whose_overlap_was_ended_lives_no_more(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    end_overlap(enabled.integration, actor=ANNA)
    new = enabled.integration.current_credential()
    assert standings.standings_of([enabled.integration.pk])[enabled.integration.pk].live_credentials == {new.pk: None}


def test_what_is_known_is_read_again_only_when_it_changed_again(
    enabled: Enabled, django_assert_num_queries: object
) -> None:
    moment = enabled.integration.changed_at
    known = standings.changed_since(moment, {})
    with django_assert_num_queries(1):  # type: ignore[operator]
        again = standings.changed_since(moment, known)
    pk = enabled.integration.pk
    assert again[pk] is known[pk]
    disable(enabled.integration, reason="pause", actor=ANNA)
    changed = standings.changed_since(moment, known)[pk]
    assert (changed.is_enabled, known[pk].is_enabled) == (False, True)


def test_looking_when_nothing_changed_is_one_query(enabled: Enabled, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        standings.changed_since(timezone.now() + MINUTE, {})
