"""Processes record their connections, attempts and unrecognised frames in batches."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError

from integrations.models import (
    ApiKeySecret,
    AuthAttempt,
    Connection,
    Credential,
    Integration,
    ServerProcess,
    UnrecognisedFrame,
)
from integrations.models.attempt import Outcome, PosEndpoint, UnrecognisedFrameKind
from integrations.models.connection import CloseReason
from integrations.relay.records import record_writer
from integrations.relay.records.attempt_records import FRAMES_PER_INTEGRATION, Attempt, FrameUnrecognised
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import ConnectionOpened
from integrations.relay.records.secret_records import SecretRedigested, SecretUsed
from integrations.security.secret_digests import SecretKind, digest_generated
from integrations.services.rows.chunks import CHUNK
from tests.relay.recording import MINUTE, closing, presence_of, row_of, write
from tests.support.factories import NOON, Enabled, make_enabled_outlet, make_live

pytestmark = pytest.mark.django_db


# --- Opened and closed


def test_an_open_connection_has_a_row_and_its_outlet_is_online(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    assert write(here, opened=[live]) == []
    row, presence = row_of(live), presence_of(enabled)
    assert (row.opened_at, row.closed_at, row.address, row.user_agent) == (NOON, None, "198.51.100.7", "PowerEPOS/8.1")
    assert (row.credential_id, row.generation, row.process_id) == (live.credential_id, 1, here.pk)
    assert (presence.is_online, presence.since, presence.last_seen_at) == (True, NOON, NOON)
    assert presence.connection_id == live.id


def test_a_closed_connection_has_its_end_its_reason_and_its_frame_counts(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    live.frames_in, live.frames_out, live.unrecognised_frames = 5, 4, 3
    write(here, closed=[closing(live, NOON + MINUTE, CloseReason.FLOODING, 1008)])
    row, presence = row_of(live), presence_of(enabled)
    assert (row.closed_at, row.close_code, row.close_reason) == (NOON + MINUTE, 1008, CloseReason.FLOODING)
    assert (row.frames_in, row.frames_out, row.unrecognised_frames) == (5, 4, 3)
    assert (presence.is_online, presence.since, presence.last_seen_at) == (False, NOON + MINUTE, NOON + MINUTE)


def test_a_connection_that_opened_and_closed_within_one_batch_is_closed(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live], closed=[closing(live, NOON + MINUTE)])
    assert row_of(live).closed_at == NOON + MINUTE
    assert not presence_of(enabled).is_online


def test_the_frame_counts_of_an_open_connection_are_recorded(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live])
    live.frames_in = 7
    write(here, counted=[live])
    assert (row_of(live).frames_in, row_of(live).closed_at) == (7, None)
    assert presence_of(enabled).is_online


def test_a_late_frame_count_does_not_reopen_a_connection(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    write(here, opened=[live], closed=[closing(live, NOON + MINUTE)])
    live.frames_in = 7
    write(here, counted=[live])
    assert (row_of(live).frames_in, row_of(live).closed_at) == (0, NOON + MINUTE)


def test_more_openings_than_one_statement_can_hold_are_written(enabled: Enabled, here: ServerProcess) -> None:
    lives = [make_live(enabled.integration, opened_at=NOON + timedelta(seconds=n)) for n in range(CHUNK + 5)]
    losers = write(here, opened=lives)
    assert Connection.objects.count() == CHUNK + 5
    assert Connection.objects.get(closed_at=None).pk == lives[-1].id
    assert len(losers) >= 4
    assert lives[-1] not in losers


def test_more_closings_than_one_statement_can_hold_are_written(enabled: Enabled, here: ServerProcess) -> None:
    lives = [make_live(enabled.integration, opened_at=NOON + timedelta(seconds=n)) for n in range(CHUNK + 5)]
    write(here, opened=lives, closed=[closing(live, NOON + 10 * MINUTE) for live in lives])
    assert not Connection.objects.filter(closed_at=None).exists()
    assert not presence_of(enabled).is_online


# --- Last use, attempts, unrecognised frames


def test_the_last_use_of_every_credential_in_a_batch_is_written(enabled: Enabled, here: ServerProcess) -> None:
    credential = enabled.integration.current_credential()
    record_writer.write(Batch(SecretUsed(Credential, credential.pk, NOON)), here.pk)
    credential.refresh_from_db()
    assert credential.last_used_at == NOON


def test_a_secret_proved_under_an_old_key_is_stored_under_the_current_one(
    enabled: Enabled, here: ServerProcess
) -> None:
    credential = enabled.integration.current_credential()
    digest = digest_generated(SecretKind.POS_SECRET, enabled.handover.auth_secret)
    Credential.objects.filter(pk=credential.pk).update(digest="old", key_id="old")
    record_writer.write(Batch(SecretRedigested(Credential, credential.pk, digest)), here.pk)
    credential.refresh_from_db()
    assert (credential.digest, credential.key_id) == (digest.value, digest.key_id)


def attempt(remote: str, outcome: Outcome = Outcome.WRONG_POS_REMOTE_ID) -> Attempt:
    return Attempt(at=NOON, endpoint=PosEndpoint.AUTH, outcome=outcome, pos_remote_id=remote)


def test_a_wrong_pos_remote_id_refers_to_its_outlet_without_naming_it(enabled: Enabled, here: ServerProcess) -> None:
    write(here, attempts=[attempt(enabled.handover.pos_remote_id)])
    row = AuthAttempt.objects.get()
    assert (row.pos_remote_id_of_id, row.detail) == (enabled.integration.pk, "")


def test_a_pos_remote_id_of_no_outlet_refers_to_none(enabled: Enabled, here: ServerProcess) -> None:
    write(here, attempts=[attempt("unknown")])
    row = AuthAttempt.objects.get()
    assert (row.pos_remote_id_of_id, row.detail) == (None, "")


def test_other_refusals_refer_to_no_other_outlet(enabled: Enabled, here: ServerProcess) -> None:
    own = enabled.handover
    refused = attempt(own.pos_remote_id, Outcome.WRONG_SECRET)
    refused.provider_outlet_id = own.provider_outlet_id
    write(here, attempts=[refused])
    assert AuthAttempt.objects.get().pos_remote_id_of_id is None


@pytest.mark.parametrize("of_outlet", ["Station", "Harbour"])
def test_a_refusal_refers_to_no_other_outlet_with_the_same_pos_remote_id(
    enabled: Enabled, here: ServerProcess, of_outlet: str
) -> None:
    remote = "b90066de-1a2b-4c3d-8e9f-0123456789ab"
    outlets = {"Station": enabled, "Harbour": make_enabled_outlet("Harbour")}
    for each, spelling in zip(outlets.values(), (remote, remote.upper()), strict=True):
        Integration.objects.filter(pk=each.integration.pk).update(pos_remote_id=spelling, match_id=remote)
    refused = attempt(remote, Outcome.WRONG_SECRET)
    refused.provider_outlet_id = outlets[of_outlet].handover.provider_outlet_id
    write(here, attempts=[refused])
    row = AuthAttempt.objects.get()
    assert (row.integration_id, row.pos_remote_id_of_id) == (outlets[of_outlet].integration.pk, None)


def unrecognised_frame(enabled: Enabled, number: int) -> UnrecognisedFrame:
    return UnrecognisedFrame(
        at=NOON + timedelta(seconds=number),
        integration=enabled.integration,
        connection_id=uuid.UUID(int=1),
        kind=UnrecognisedFrameKind.NOT_JSON,
        size=number,
    )


def test_the_newest_unrecognised_frames_of_an_integration_are_kept(enabled: Enabled, here: ServerProcess) -> None:
    other = make_enabled_outlet("Airport")
    write(here, unrecognised=[unrecognised_frame(other, 0)])
    for start in (0, 40, 80):
        write(here, unrecognised=[unrecognised_frame(enabled, number) for number in range(start, start + 40)])
    kept = UnrecognisedFrame.objects.filter(integration=enabled.integration).values_list("size", flat=True)
    assert sorted(kept) == list(range(120 - FRAMES_PER_INTEGRATION, 120))
    assert UnrecognisedFrame.objects.filter(integration=other.integration).count() == 1


def test_a_batch_is_written_completely_or_not_at_all(enabled: Enabled, here: ServerProcess) -> None:
    live = make_live(enabled.integration)
    nothing = attempt("x")
    nothing.outcome = None  # type: ignore[assignment]  # what the database refuses
    with pytest.raises(IntegrityError):
        write(here, opened=[live], attempts=[nothing])
    assert not Connection.objects.exists()


def test_when_a_batch_is_split_only_rows_that_the_database_rejects_are_dropped(
    enabled: Enabled, here: ServerProcess
) -> None:
    live = make_live(enabled.integration)
    nothing = attempt("x")
    nothing.outcome = None  # type: ignore[assignment]
    batch = Batch(ConnectionOpened(live), nothing, FrameUnrecognised(unrecognised_frame(enabled, 1)))
    assert record_writer.write_in_parts(batch, here.pk) == []
    assert presence_of(enabled).is_online
    assert UnrecognisedFrame.objects.count() == 1
    assert AuthAttempt.objects.count() == 0


def test_a_batch_that_is_retried_includes_later_records_of_every_kind(enabled: Enabled) -> None:
    live = make_live(enabled.integration)
    frame = FrameUnrecognised(unrecognised_frame(enabled, 1))
    older = Batch(
        ConnectionOpened(live), SecretUsed(Credential, 1, NOON), SecretUsed(ApiKeySecret, 1, NOON), attempt("a")
    )
    newer = Batch(ConnectionOpened(live), SecretUsed(Credential, 1, NOON + MINUTE), attempt("a"), frame)
    assert [older.add(record) for record in newer] == [False] * 4
    assert [each.live for each in older.of(ConnectionOpened)] == [live]
    used = {each.model: each.at for each in older.of(SecretUsed)}
    assert used == {Credential: NOON + MINUTE, ApiKeySecret: NOON}
    assert [each.pos_remote_id for each in older.of(Attempt)] == ["a", "a"]
    assert older.of(FrameUnrecognised) == [frame]
    assert len(older) == 6
    assert not Batch()


def test_when_too_many_attempts_wait_for_a_retry_the_oldest_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Attempt, "most", 3)
    older = Batch(*map(attempt, "ab"))
    assert [older.add(each) for each in map(attempt, "cd")] == [False, True]
    assert [each.pos_remote_id for each in older.of(Attempt)] == list("bcd")


def test_when_too_many_frames_wait_for_a_retry_the_oldest_are_dropped(
    enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameUnrecognised, "most", 2)
    frames = [FrameUnrecognised(unrecognised_frame(enabled, number)) for number in range(3)]
    assert Batch(*frames).of(FrameUnrecognised) == frames[1:]
