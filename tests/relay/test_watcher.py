"""A process reacts to changed rows: it closes sockets, announces changes once, and survives being declared dead."""

import asyncio
import uuid
from datetime import timedelta
from unittest import mock

import time_machine
from django.utils import timezone

from integrations.models import Connection, Integration, Presence, ServerProcess
from integrations.models.connection import CloseReason
from integrations.relay import runtime
from integrations.relay.records import record_writer, recorder
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import ConnectionOpened
from integrations.relay.runtime import Runtime
from integrations.relay.sockets.registry import Live, Registry
from integrations.relay.watch import process_lease, watcher
from integrations.services import wake
from integrations.services.integration.enabling import change_pos_remote_id, disable, reenable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from integrations.services.rows.threads import recorders
from tests.support.factories import ANNA, Enabled, RecordingSocket, make_enabled_outlet, make_live, make_process
from tests.support.in_process import LIMIT, InProcess, after_first_poll, in_main, stop_runtime, until


def close_reasons(live: Live) -> list[CloseReason]:
    assert isinstance(live.socket, RecordingSocket)
    return live.socket.close_reasons


class Watching(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()
        self.live = make_live(self.harbour.integration, opened_at=timezone.now())

    async def hold(self, live: Live | None = None) -> Runtime:
        """Register and record a connection, as a consumer does."""
        running = await after_first_poll()
        running.registry.add(live or self.live)
        running.recorder.record(ConnectionOpened(live or self.live))
        await running.recorder.flush()
        return running


class Closing(Watching):
    async def test_without_a_change_no_connection_is_closed(self) -> None:
        await (await self.hold()).watcher.poll()
        assert close_reasons(self.live) == []

    async def test_disabling_closes_the_socket(self) -> None:
        await self.hold()
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await until(lambda: close_reasons(self.live))
        assert set(close_reasons(self.live)) == {CloseReason.DISABLED}

    async def test_rotating_without_overlap_closes(self) -> None:
        await self.hold()
        await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        await until(lambda: close_reasons(self.live))
        assert set(close_reasons(self.live)) == {CloseReason.CREDENTIAL_RETIRED}

    async def test_correcting_the_pos_remote_id_closes(self) -> None:
        await self.hold()
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="right", actor=ANNA)
        await until(lambda: close_reasons(self.live))

    async def test_rotating_with_overlap_leaves_the_connection_until_the_overlap_ends(self) -> None:
        running = await self.hold()
        await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        await running.watcher.poll()
        assert close_reasons(self.live) == []
        with time_machine.travel(timezone.now() + timedelta(minutes=30), tick=False) as clock:
            await running.watcher.poll()
            assert close_reasons(self.live) == []
            clock.shift(timedelta(minutes=31))
            await running.watcher.poll()
        assert set(close_reasons(self.live)) == {CloseReason.CREDENTIAL_RETIRED}

    async def test_ending_the_overlap_closes_a_connection_of_the_old_secret(self) -> None:
        running = await self.hold()
        await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        await running.watcher.poll()
        assert set(close_reasons(self.live)) == {CloseReason.CREDENTIAL_RETIRED}

    async def test_ending_the_overlap_keeps_a_connection_of_the_new_secret(self) -> None:
        await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        newer = await in_main(make_live, self.harbour.integration, opened_at=timezone.now())
        running = await self.hold(newer)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        await running.watcher.poll()
        assert close_reasons(newer) == []

    async def test_disabling_and_enabling_between_two_polls_closes(self) -> None:
        running = await self.hold()
        wake.forget(running._changed)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        await running.watcher.poll()
        assert close_reasons(self.live) == [CloseReason.CREDENTIAL_RETIRED]

    async def test_another_outlets_change_closes_nothing_here(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        running = await self.hold()
        await in_main(disable, station.integration, reason="pause", actor=ANNA)
        await running.watcher.poll()
        assert close_reasons(self.live) == []

    async def test_a_change_in_this_process_is_seen_before_the_next_interval(self) -> None:
        await self.hold()
        loop = asyncio.get_running_loop()
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        began = loop.time()
        await until(lambda: close_reasons(self.live))
        assert loop.time() - began < 1

    async def test_a_change_in_another_process_is_seen_at_the_next_interval_without_a_wake_up(self) -> None:
        with mock.patch.object(watcher, "WATCH_INTERVAL", 0.05):
            running = await self.hold()
            wake.forget(running._changed)
            await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
            await until(lambda: close_reasons(self.live), limit=2)

    async def test_a_row_that_became_visible_after_its_own_timestamp_is_seen(self) -> None:
        running = await self.hold()
        await running.watcher.poll()
        before = timezone.now() - timedelta(seconds=30)
        await Integration.objects.filter(pk=self.harbour.integration.pk).aupdate(
            is_enabled=False, disabled_reason="late", changed_at=before
        )
        await running.watcher.poll()
        assert close_reasons(self.live) == [CloseReason.DISABLED]

    async def test_a_change_without_a_new_timestamp_is_seen_by_a_full_poll(self) -> None:
        running = await self.hold()
        await Integration.objects.filter(pk=self.harbour.integration.pk).aupdate(generation=9)
        await running.watcher.poll()
        assert close_reasons(self.live) == []
        running.watcher._full_poll_due = 0
        await running.watcher.poll()
        assert close_reasons(self.live) == [CloseReason.CREDENTIAL_RETIRED]

    async def test_a_full_poll_checks_the_connections_of_all_batches(self) -> None:
        others = [await in_main(make_enabled_outlet, f"Station {number}") for number in range(4)]
        lives = [await in_main(make_live, each.integration, opened_at=timezone.now()) for each in others]
        running = await self.hold()
        for live in lives:
            running.registry.add(live)
        await Integration.objects.aupdate(generation=9)
        running.watcher._full_poll_due = 0
        with mock.patch.object(watcher, "BATCH", 2):
            await running.watcher.poll()
        assert [close_reasons(live) for live in (self.live, *lives)] == [[CloseReason.CREDENTIAL_RETIRED]] * 5

    async def test_the_frame_counts_of_a_connection_are_recorded_again_after_more_frames(self) -> None:
        running = await self.hold()
        with mock.patch.object(running.recorder, "record") as record:
            for frames, times in ((0, 0), (5, 1), (5, 1), (6, 2)):
                self.live.frames_in = frames
                running.watcher._full_poll_due = 0
                await running.watcher.poll()
                assert record.call_count == times, frames

    async def test_the_frame_counts_of_open_connections_are_recorded_by_a_full_poll(self) -> None:
        running = await self.hold()
        self.live.frames_in = 5
        running.watcher._full_poll_due = 0
        await running.watcher.poll()
        await running.recorder.flush()
        assert (await Connection.objects.aget()).frames_in == 5


class Replacing(Watching):
    async def test_a_newer_connection_in_another_process_closes_the_one_here(self) -> None:
        running = await self.hold()
        there = await in_main(make_process, heartbeat_at=timezone.now())
        newer = await in_main(make_live, self.harbour.integration, opened_at=timezone.now())
        await in_main(_write_opened, newer, there.pk)
        await running.watcher.poll()
        assert close_reasons(self.live) == [CloseReason.REPLACED]

    async def test_an_older_connection_that_is_recorded_late_is_closed_when_written(self) -> None:
        there = await in_main(make_process, heartbeat_at=timezone.now())
        newer = await in_main(make_live, self.harbour.integration, opened_at=timezone.now() + timedelta(seconds=1))
        await in_main(_write_opened, newer, there.pk)
        await self.hold()
        assert close_reasons(self.live) == [CloseReason.REPLACED]
        assert (await Presence.objects.aget()).connection_id == newer.id


class Announcing(Watching):
    async def test_a_change_is_announced_once_with_the_outlets_id(self) -> None:
        running = await self.hold()
        announced: list[str] = []
        running.watcher.on_change(announced.append)
        wake.forget(running._changed)
        await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        for _ in range(3):
            await running.watcher.poll()
        assert announced == [self.harbour.handover.provider_outlet_id]

    async def test_the_next_change_is_announced_again(self) -> None:
        running = await self.hold()
        announced: list[str] = []
        running.watcher.on_change(announced.append)
        wake.forget(running._changed)
        for act in (lambda: disable(self.harbour.integration, reason="x", actor=ANNA), self._reenable):
            await in_main(act)
            await running.watcher.poll()
        assert len(announced) == 2

    def _reenable(self) -> None:
        reenable(self.harbour.integration, actor=ANNA)


class Leasing(Watching):
    async def test_a_process_that_was_declared_dead_records_its_connections_again(self) -> None:
        running = await self.hold()
        await in_main(_declare_dead, running.process_id)
        assert (await Connection.objects.aget()).close_reason == CloseReason.SERVER_LOST
        running.watcher._lease_due = 0
        await running.watcher.poll()
        await running.recorder.flush()
        row = await Connection.objects.select_related("process").aget()
        assert (row.closed_at, row.close_reason, row.process.ended_at) == (None, "", None)
        assert (await Presence.objects.aget()).is_online
        assert close_reasons(self.live) == []

    async def test_connections_that_another_process_closed_as_lost_are_recorded_again_before_the_lease_is_due(
        self,
    ) -> None:
        running = await self.hold()
        await in_main(_declare_dead, running.process_id)
        await running.watcher.poll()
        await running.recorder.flush()
        assert (await Presence.objects.aget()).is_online
        assert close_reasons(self.live) == []

    async def test_the_lease_is_renewed_at_a_third_of_its_length(self) -> None:
        running = await self.hold()
        process = ServerProcess.objects.filter(pk=running.process_id)
        await process.aupdate(heartbeat_at=timezone.now() - timedelta(seconds=20))
        await running.watcher.poll()
        assert running.watcher._lease_due <= asyncio.get_running_loop().time() + 10
        running.watcher._lease_due = 0
        await running.watcher.poll()
        assert (await process.aget()).heartbeat_at > timezone.now() - timedelta(seconds=5)

    async def test_a_process_ends_the_leases_of_dead_processes(self) -> None:
        there = await in_main(make_process)
        newer = await in_main(make_live, self.harbour.integration)
        await in_main(_write_opened, newer, there.pk)
        await (await after_first_poll()).watcher.poll()
        assert not (await Presence.objects.aget()).is_online

    async def test_stopping_releases_the_lease(self) -> None:
        running = await self.hold()
        await runtime.stop()
        assert (await ServerProcess.objects.aget(pk=running.process_id)).ended_at is not None
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART
        assert runtime.current() is None


class Ending(Watching):
    async def test_a_process_stops_even_if_it_is_woken_at_that_moment(self) -> None:
        for turns in range(6):
            (await after_first_poll()).watcher.poll_now()
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop_runtime(limit=2)

    @mock.patch.object(recorder, "RECORD_INTERVAL", 0)
    async def test_a_connection_being_recorded_during_a_stop_is_not_left_open(self) -> None:
        for turns in range(1, 16):
            running = await runtime.running()
            live = await in_main(make_live, self.harbour.integration, opened_at=timezone.now())
            running.recorder.record(ConnectionOpened(live))
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop_runtime()
            await in_main(_all_threads_are_done)
            assert not await Connection.objects.filter(closed_at=None).aexists()

    async def test_two_concurrent_callers_get_the_same_runtime(self) -> None:
        first, second = await asyncio.gather(runtime.running(), runtime.running())
        assert first is second
        assert await ServerProcess.objects.acount() == 1

    async def test_the_next_caller_after_a_stop_starts_another_runtime(self) -> None:
        first = await runtime.running()
        await runtime.stop()
        second = await runtime.running()
        assert first.process_id != second.process_id

    async def test_a_process_that_ends_without_its_loop_writes_the_remaining_records(self) -> None:
        running = await runtime.running()
        running.recorder.record(ConnectionOpened(self.live))
        await in_main(running._end_without_loop)
        assert (await Connection.objects.aget()).close_reason == CloseReason.RESTART


class Registering(InProcess):
    def setUp(self) -> None:
        self.harbour: Enabled = make_enabled_outlet()

    def lives(self) -> tuple[Live, Live]:
        return make_live(self.harbour.integration), make_live(self.harbour.integration)

    def test_the_newest_connection_takes_the_outlet_and_the_older_is_closed(self) -> None:
        registry = Registry()
        old, new = self.lives()
        registry.add(old)
        registry.add(new)
        assert registry.find(self.harbour.integration.pk) is new
        assert (close_reasons(old), close_reasons(new), len(registry)) == ([CloseReason.REPLACED], [], 1)

    def test_a_late_end_of_the_older_connection_keeps_the_newer_registered(self) -> None:
        registry = Registry()
        old, new = self.lives()
        registry.add(old)
        registry.add(new)
        registry.remove(old)
        assert registry.find(self.harbour.integration.pk) is new
        registry.remove(new)
        registry.remove(new)
        assert (registry.find(self.harbour.integration.pk), len(registry)) == (None, 0)

    def test_a_connection_may_end_during_an_iteration_over_all(self) -> None:
        registry, station = Registry(), make_enabled_outlet("Station")
        for integration in (self.harbour.integration, station.integration):
            registry.add(make_live(integration))
        for live in registry:
            registry.remove(live)
        assert len(registry) == 0


def _write_opened(live: Live, process_id: uuid.UUID) -> None:
    record_writer.write(Batch(ConnectionOpened(live)), process_id)


def _declare_dead(process_id: uuid.UUID) -> None:
    """End this process's lease, as another process does when the heartbeats stop."""
    ServerProcess.objects.filter(pk=process_id).update(heartbeat_at=timezone.now() - timedelta(seconds=31))
    assert process_lease.end_lost_leases(uuid.uuid4()) == 1


def _all_threads_are_done() -> None:
    for waiting in [recorders._executor.submit(int) for _ in range(20)]:
        waiting.result(timeout=LIMIT)
