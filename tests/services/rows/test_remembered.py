"""Look-ups whose results a process remembers for a second."""

import asyncio
from typing import Any

import pytest

from integrations.models.audit import Verb
from integrations.services.audit import Actor, record, record_many
from integrations.services.rows import remembered
from integrations.services.rows.remembered import Remembered


class Table:
    """A table of one column, and the look-ups that were sent to it."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {"a": "first"}
        self.asked: list[str] = []
        self.during: Any = None

    def query(self, keys: list[str]) -> dict[str, str]:
        self.asked += keys
        found = {key: self.rows[key] for key in keys if key in self.rows}
        if self.during:
            self.during()
        return found


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("integrations.services.rows.remembered.time.monotonic", lambda: now[0])
    return now


@pytest.mark.usefixtures("clock")
def test_a_result_is_looked_up_once(table: Table) -> None:
    find = Remembered(table.query).find
    assert [_run(find("a")), _run(find("a"))] == ["first", "first"]
    assert table.asked == ["a"]


def test_a_result_is_looked_up_again_a_second_after_the_look_up_began(table: Table, clock: list[float]) -> None:
    find = Remembered(table.query).find
    table.during = lambda: clock.__setitem__(0, clock[0] + 0.9)  # the look-up takes 0.9 s
    assert _run(find("a")) == "first"
    table.during = None
    table.rows["a"] = "second"
    clock[0] += 0.09
    assert _run(find("a")) == "first"
    clock[0] += 0.02
    assert _run(find("a")) == "second"


def test_a_missing_row_is_looked_up_each_time(table: Table) -> None:
    find = Remembered(table.query).find
    assert _run(find("b")) is None
    table.rows["b"] = "new"
    assert _run(find("b")) == "new"


def test_a_result_that_was_read_before_a_change_is_not_remembered(table: Table) -> None:
    find = Remembered(table.query).find
    table.during = remembered.forget
    assert _run(find("a")) == "first"
    table.rows["a"] = "second"
    assert _run(find("a")) == "second"


def test_the_number_of_results_is_limited(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    table.rows = {key: key for key in "abc"}
    look_up = Remembered(table.query)
    for key in "abc":
        _run(look_up.find(key))
    assert len(look_up._results) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("recorder", ["one", "many"])
def test_an_audited_change_is_seen_at_once_after_its_commit(
    table: Table, recorder: str, django_capture_on_commit_callbacks: Any
) -> None:
    find = Remembered(table.query).find
    actor = Actor("Anna")
    with django_capture_on_commit_callbacks(execute=True):
        if recorder == "one":
            record(Verb.ORGANISATION_CHANGED, "Trattoria", actor=actor)
        else:
            record_many(Verb.ORGANISATION_CHANGED, [("Trattoria", {})], actor=actor)
        assert _run(find("a")) == "first"
        table.rows["a"] = "second"
        assert _run(find("a")) == "first"
    assert _run(find("a")) == "second"


def _run(look_up: Any) -> Any:
    return asyncio.run(_awaited(look_up))


async def _awaited(look_up: Any) -> Any:
    return await look_up
