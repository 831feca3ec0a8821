"""How long a new connection waits when two tills keep taking an outlet over from each other."""

import pytest

from integrations.relay.sockets.takeovers import CALM, LONGEST, MINUTE, OFTEN, Takeovers

OUTLET, OTHER = 1, 2


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_takeovers(count: int, clock: Clock) -> Takeovers:
    takeovers = Takeovers(clock)
    for _ in range(count):
        takeovers.note(OUTLET)
    return takeovers


def test_the_first_two_takeovers_cause_no_delay() -> None:
    assert [make_takeovers(count, Clock()).wait(OUTLET) for count in (0, 1)] == [0.0, 0.0]


def test_each_takeover_doubles_the_wait_up_to_a_minute() -> None:
    waits = [make_takeovers(count, Clock()).wait(OUTLET) for count in (2, 3, 4, 5, 11, 12, 5000)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 51.2, LONGEST, LONGEST])


def test_other_outlets_do_not_wait() -> None:
    assert make_takeovers(9, Clock()).wait(OTHER) == 0.0


def test_the_wait_decreases_with_time() -> None:
    clock = Clock()
    takeovers = make_takeovers(7, clock)
    clock.now += 3
    assert takeovers.wait(OUTLET) == pytest.approx(0.2)
    clock.now += 2
    assert takeovers.wait(OUTLET) == 0.0


def test_one_of_several_waiting_connections_takes_over_and_the_others_wait_again() -> None:
    clock = Clock()
    takeovers = make_takeovers(7, clock)
    clock.now += 4
    takeovers.begin(OUTLET)
    assert takeovers.wait(OUTLET) == pytest.approx(3.2)


def test_earlier_takeovers_are_forgotten_after_a_quiet_period() -> None:
    clock = Clock()
    takeovers = make_takeovers(9, clock)
    clock.now += CALM + 1
    takeovers.note(OUTLET)
    assert takeovers.wait(OUTLET) == 0.0


def test_more_than_ten_replacements_a_minute_count_as_takeovers_however_the_connections_end() -> None:
    takeovers = Takeovers(Clock())
    for _ in range(OFTEN + 2):
        assert takeovers.wait(OUTLET) == 0.0
        takeovers.replaced(OUTLET)
    assert takeovers.wait(OUTLET) == pytest.approx(0.1)
    assert takeovers.wait(OTHER) == 0.0


def test_a_till_that_loses_its_link_every_few_seconds_is_not_slowed_down() -> None:
    clock = Clock()
    takeovers = Takeovers(clock)
    for _ in range(100):
        takeovers.replaced(OUTLET)
        clock.now += MINUTE / OFTEN + 0.1
    assert takeovers.wait(OUTLET) == 0.0


def test_outlets_without_recent_takeovers_are_forgotten() -> None:
    clock = Clock()
    takeovers = Takeovers(clock)
    for outlet in range(50):
        takeovers.replaced(outlet)
        takeovers.note(outlet)
    clock.now += CALM + 1
    takeovers.replaced(OTHER)
    assert (list(takeovers._last), list(takeovers._replaced)) == ([], [OTHER])


def test_recent_replacements_still_count_when_older_ones_are_forgotten() -> None:
    clock = Clock()
    takeovers = Takeovers(clock)
    clock.now += CALM - 1
    for _ in range(OFTEN + 1):
        takeovers.replaced(OUTLET)
    clock.now += 2
    takeovers.replaced(OUTLET)  # this call also deletes entries older than CALM
    assert takeovers.wait(OUTLET) == pytest.approx(0.1)


def test_a_recent_takeover_still_counts_when_older_ones_are_forgotten() -> None:
    clock = Clock()
    takeovers = make_takeovers(7, clock)
    clock.now += 2
    for _ in range(5):
        takeovers.note(OTHER)
    clock.now += CALM - 1
    takeovers.replaced(OTHER)  # this call also deletes entries older than CALM
    takeovers.note(OUTLET)
    takeovers.note(OTHER)
    assert takeovers.wait(OUTLET) == 0.0
    assert takeovers.wait(OTHER) == pytest.approx(1.6)
