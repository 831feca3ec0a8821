"""Each chore runs in one process of many; when this process ends, another process takes the chore over."""

import asyncio
import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Lease
from integrations.relay.chore_runner import Chore, Chores
from integrations.relay.watch import process_lease
from integrations.services.connections import leases
from tests.support.factories import make_process
from tests.support.in_process import LIMIT, InProcess
from tests.support.query_plans import statements

US, THEM = uuid.uuid4(), uuid.uuid4()


@pytest.mark.django_db
def test_only_one_holder_at_a_time_has_a_lease() -> None:
    assert leases.acquire("prune", US, seconds=30)
    assert not leases.acquire("prune", THEM, seconds=30)
    assert leases.acquire("prune", US, seconds=30)


@pytest.mark.django_db
def test_a_lease_is_renewed_when_a_third_of_it_has_passed(time_machine: Any) -> None:
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    leases.acquire("prune", US, seconds=30)
    renewed = []
    for passed in (9, 11, 12, 22):
        time_machine.move_to(began + timedelta(seconds=passed), tick=False)
        with statements() as sent:
            assert leases.acquire("prune", US, seconds=30)
            assert not leases.acquire("prune", THEM, seconds=30)
        renewed += [passed for sql, _ in sent if not sql.startswith("SELECT")]
    assert renewed == [11, 22]


@pytest.mark.django_db
def test_an_expired_lease_is_free() -> None:
    leases.acquire("prune", US, seconds=30)
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert leases.acquire("prune", THEM, seconds=30)


@pytest.mark.django_db
def test_a_released_lease_is_free() -> None:
    leases.acquire("prune", US, seconds=30)
    leases.release(US)
    assert leases.acquire("prune", THEM, seconds=30)


@pytest.mark.django_db
def test_a_process_that_died_leaves_its_chores_to_the_next_at_once() -> None:
    dead = make_process(heartbeat_at=timezone.now() - timedelta(hours=1))
    leases.acquire("prune", dead.pk, seconds=3600)
    process_lease.end_lost_leases(US)
    assert leases.acquire("prune", US, seconds=30)


class RepeatedChores(InProcess):
    async def test_only_the_holder_repeats_a_chore(self) -> None:
        turns: list[str] = []
        enough = asyncio.Event()

        async def ours() -> None:
            turns.append("ours")
            if len(turns) == 3:
                enough.set()

        async def theirs() -> None:
            turns.append("theirs")

        first, second = Chores(US, [Chore("count", 0.01, ours)]), Chores(THEM, [Chore("count", 0.05, theirs)])
        first.start()
        second.start()
        async with asyncio.timeout(LIMIT):
            await enough.wait()
        await first.stop()
        await second.stop()
        assert set(turns) == {"ours"}

    async def test_a_failed_chore_is_retried(self) -> None:
        enough = asyncio.Event()

        async def fails_once() -> None:
            if turns:
                enough.set()
            turns.append("turn")
            raise ValueError("no paper")

        turns: list[str] = []
        chores = Chores(US, [Chore("count", 0.01, fails_once)])
        with self.assertLogs("integrations.relay.chore_runner", logging.ERROR) as logged:
            chores.start()
            async with asyncio.timeout(LIMIT):
                await enough.wait()
        await chores.stop()
        assert logged.records[0].getMessage() == "Chore failed and will be retried."
        assert logged.records[0].task == "count"  # type: ignore[attr-defined]

    async def test_the_background_work_of_a_chore_ends_with_the_process(self) -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def begin() -> None:
            began.set()

        async def end() -> None:
            ended.set()

        chores = Chores(US, [Chore("count", 0.01, begin, end=end)])
        chores.start()
        async with asyncio.timeout(LIMIT):
            await began.wait()
        await chores.stop()
        assert ended.is_set()
