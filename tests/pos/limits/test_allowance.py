"""How much one POS may send before its connection is closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.pos.limits.allowance import BURST_SECONDS, Allowance


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_of_ten_seconds_worth_of_frames_is_the_limit(clock: Clock) -> None:
    allowance = Allowance(5, 1_000, clock)
    assert all(allowance.take(1) for _ in range(5 * BURST_SECONDS))
    assert not allowance.take(1)


def test_a_burst_of_ten_seconds_worth_of_bytes_is_the_limit(clock: Clock) -> None:
    allowance = Allowance(100, 1_000, clock)
    assert allowance.take(10_000)
    assert not allowance.take(1)


def test_a_frame_of_one_mebibyte_is_allowed(clock: Clock) -> None:
    assert Allowance(100, 2 * 1024 * 1024, clock).take(1024 * 1024)


def test_the_allowance_refills_with_time(clock: Clock) -> None:
    allowance = Allowance(1, 1_000, clock)
    for _ in range(BURST_SECONDS):
        assert allowance.take(1_000)
    clock.now += 1
    assert allowance.take(1_000)
    assert not allowance.take(0)


def test_a_long_silence_accumulates_at_most_one_burst(clock: Clock) -> None:
    allowance = Allowance(1, 1_000, clock)
    clock.now += 86_400
    assert [allowance.take(0) for _ in range(BURST_SECONDS + 1)] == [True] * BURST_SECONDS + [False]


@given(st.lists(st.floats(0.2, 100), max_size=200))
def test_a_pos_within_the_rate_is_never_stopped(pauses: list[float]) -> None:
    clock = Clock()
    allowance = Allowance(5, 1_000, clock)
    for pause in pauses:
        clock.now += pause
        assert allowance.take(200)


def test_grants_for_answers_are_added_to_the_burst_and_bounded(clock: Clock) -> None:
    allowance = Allowance(1, 1_000, clock)
    for _ in range(100):
        allowance.grant(500, 2, most=4)
    assert allowance.frames_left == BURST_SECONDS + 4 * 2
    assert allowance.take(BURST_SECONDS * 1_000 + 4 * 500, BURST_SECONDS + 4 * 2)
    assert not allowance.take(1)


def test_a_grant_does_not_expire(clock: Clock) -> None:
    allowance = Allowance(1, 1_000, clock)
    allowance.grant(0, 5, most=1)
    clock.now += 86_400
    allowance.take(0, 0)
    assert allowance.frames_left == BURST_SECONDS + 5


def test_the_time_until_the_allowance_is_refilled_is_known(clock: Clock) -> None:
    allowance = Allowance(10, 1_000, clock)
    allowance.take(0, 10 * BURST_SECONDS + 5)
    assert allowance.is_used_up
    assert allowance.seconds_until(1) == pytest.approx(1.5)
    clock.now += 1.5
    allowance.take(0, 0)
    assert allowance.frames_left == pytest.approx(10)
