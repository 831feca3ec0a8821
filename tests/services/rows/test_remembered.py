"""A process caches rows for one second, or until they change."""

import asyncio
from collections.abc import Mapping, Sequence
from unittest import mock

import pytest

from integrations.services.api_keys.api_keys import create_api_key, retire_api_key
from integrations.services.rows import remembered
from integrations.services.rows.remembered import MOST, SECONDS, Remembered, forget_all
from tests.support.factories import ANNA
from tests.support.in_process import InProcess, in_main


class Clock:
    """A monotonic clock that tests advance."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("integrations.services.rows.remembered.monotonic", clock)
    return clock


class Table:
    """A table that counts its queries; only even keys have a row."""

    def __init__(self) -> None:
        self.queries: list[list[int]] = []

    def __call__(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.queries.append(list(keys))
        return {key: f"row {key}" for key in keys if key % 2 == 0}


async def found(look_up: Remembered[int, str], *keys: int) -> list[str | None]:
    return [await look_up.find(key) for key in keys]


def test_a_row_is_read_once_a_second(clock: Clock) -> None:
    table = Table()

    async def scenario() -> None:
        look_up = Remembered(table)
        assert await found(look_up, 2, 2) == ["row 2", "row 2"]
        clock.now += SECONDS - 0.01
        assert await found(look_up, 2) == ["row 2"]
        assert table.queries == [[2]]
        clock.now += 0.02
        assert await found(look_up, 2) == ["row 2"]
        assert table.queries == [[2], [2]]

    asyncio.run(scenario())


def test_the_second_is_counted_from_the_start_of_the_query(clock: Clock) -> None:
    table = Table()

    def slow(keys: Sequence[int]) -> Mapping[int, str]:
        clock.now += SECONDS
        return table(keys)

    async def scenario() -> None:
        look_up = Remembered(slow)
        await found(look_up, 2, 2)
        assert table.queries == [[2], [2]]

    asyncio.run(scenario())


def test_a_missing_row_is_not_remembered() -> None:
    table = Table()

    async def scenario() -> None:
        assert await found(Remembered(table), 1, 1) == [None, None]
        assert table.queries == [[1], [1]]

    asyncio.run(scenario())


def test_every_lookup_reads_again_after_a_change() -> None:
    first, second = Table(), Table()

    async def scenario() -> None:
        look_ups = Remembered(first), Remembered(second)
        for look_up in look_ups:
            await found(look_up, 2)
        forget_all()
        for look_up in look_ups:
            await found(look_up, 2)
        assert (first.queries, second.queries) == ([[2], [2]], [[2], [2]])

    asyncio.run(scenario())


def test_a_row_that_was_read_before_a_change_is_not_remembered_after_it() -> None:
    table = Table()

    def changed_meanwhile(keys: Sequence[int]) -> Mapping[int, str]:
        row = table(keys)
        forget_all()
        return row

    async def scenario() -> None:
        await found(Remembered(changed_meanwhile), 2, 2)
        assert table.queries == [[2], [2]]

    asyncio.run(scenario())


def test_the_number_of_remembered_rows_is_limited() -> None:
    table = Table()

    async def scenario() -> None:
        look_up = Remembered(table)
        with mock.patch.object(remembered, "MOST", 3):
            await found(look_up, 2, 4, 6, 8)
            assert len(look_up._kept) <= 3
        assert MOST >= 1_000

    asyncio.run(scenario())


class ForgettingAfterACommit(InProcess):
    async def test_a_changed_row_is_forgotten_after_the_commit(self) -> None:
        table = Table()
        look_up = Remembered(table)
        key, _ = await in_main(create_api_key, "Kiosk", actor=ANNA)
        await found(look_up, 2, 2)
        await in_main(retire_api_key, key, actor=ANNA)
        await found(look_up, 2)
        assert table.queries == [[2], [2]]
