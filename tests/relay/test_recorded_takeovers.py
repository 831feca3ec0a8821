"""Of several connections of one outlet, the newest is recorded as the live one."""

import uuid

import pytest
from django.utils import timezone

from integrations.models import Connection, ServerProcess
from integrations.models.connection import CloseReason
from integrations.relay.watch import standings
from tests.relay.recording import MINUTE, closing, presence_of, row_of, write
from tests.support.factories import NOON, Enabled, make_enabled_outlet, make_live

pytestmark = pytest.mark.django_db


def test_a_newer_connection_takes_the_outlet_over(enabled: Enabled, here: ServerProcess) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    assert write(here, opened=[new]) == []
    assert (row_of(old).closed_at, row_of(old).close_reason) == (NOON + MINUTE, CloseReason.REPLACED)
    assert (row_of(new).closed_at, presence_of(enabled).connection_id) == (None, new.id)


def test_a_connection_from_before_a_clock_change_does_not_count_as_newer(
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


def test_an_older_connection_that_is_recorded_later_is_closed(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(there, opened=[new])
    assert write(here, opened=[old]) == [old]
    assert row_of(old).close_reason == CloseReason.REPLACED
    assert (row_of(new).closed_at, presence_of(enabled).connection_id) == (None, new.id)


def test_of_two_connections_in_one_batch_the_newer_stays_open(enabled: Enabled, here: ServerProcess) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    assert write(here, opened=[new, old]) == [old]
    assert (row_of(new).closed_at, row_of(old).close_reason) == (None, CloseReason.REPLACED)


def test_of_two_simultaneous_connections_all_processes_choose_the_same_one(
    enabled: Enabled, here: ServerProcess, there: ServerProcess
) -> None:
    first, second = make_live(enabled.integration), make_live(enabled.integration)
    write(there, opened=[second])
    assert write(here, opened=[first]) == [first]
    Connection.objects.all().update(closed_at=NOON)
    write(here, opened=[first])
    assert write(there, opened=[second]) == []
    assert Connection.objects.get(closed_at=None).pk == second.id


def test_of_two_simultaneous_connections_in_one_batch_the_same_one_is_chosen(
    enabled: Enabled, here: ServerProcess
) -> None:
    smaller = make_live(enabled.integration, id=uuid.UUID(int=255))
    larger = make_live(enabled.integration, id=uuid.UUID(int=256))
    assert write(here, opened=[larger, smaller]) == [smaller]


def test_a_connection_that_ended_before_its_successor_opened_was_not_replaced(
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


def test_an_end_followed_by_a_new_connection_in_one_batch_is_not_a_takeover(
    enabled: Enabled, here: ServerProcess
) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(here, opened=[new], closed=[closing(old, NOON + MINUTE, CloseReason.TOO_LARGE, 1009)])
    assert row_of(old).close_reason == CloseReason.TOO_LARGE
    assert presence_of(enabled).connection_id == new.id
    assert presence_of(enabled).is_online


def test_a_takeover_within_one_batch_leaves_the_outlet_online(enabled: Enabled, here: ServerProcess) -> None:
    old, new = make_live(enabled.integration), make_live(enabled.integration, opened_at=NOON + MINUTE)
    write(here, opened=[old])
    write(here, opened=[new], closed=[closing(old, NOON + MINUTE, CloseReason.REPLACED, 4409)])
    assert presence_of(enabled).connection_id == new.id
    assert presence_of(enabled).is_online


def test_the_end_of_an_unrecorded_connection_changes_nothing(enabled: Enabled, here: ServerProcess) -> None:
    write(here, closed=[closing(make_live(enabled.integration), NOON)])
    assert not Connection.objects.exists()
    assert presence_of(enabled).last_seen_at is None


def test_other_outlets_are_not_affected(enabled: Enabled, here: ServerProcess) -> None:
    other = make_enabled_outlet("Airport")
    mine, theirs = make_live(enabled.integration), make_live(other.integration)
    write(here, opened=[mine, theirs])
    write(here, closed=[closing(mine, NOON + MINUTE)])
    assert (presence_of(enabled).is_online, presence_of(other).is_online) == (False, True)
