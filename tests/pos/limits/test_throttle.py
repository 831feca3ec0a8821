"""Callers that keep failing must wait; valid callers never do."""

import asyncio
from collections.abc import Iterator

import pytest
from django.test import override_settings

from integrations.pos.limits.throttle import KEPT, Sampler, Tarpit, Throttle
from integrations.text.client_address import network_of

HARBOUR, STATION = "harbour", "station"
POS, THIEF = "198.51.100.7", "203.0.113.66"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Iterator[Throttle]:
    with override_settings(AUTH_FAILURES_PER_OUTLET=3, AUTH_FAILURES_PER_ADDRESS=5):
        yield Throttle(clock)


def fail(throttle: Throttle, times: int, *, outlet: str = HARBOUR, address: str = THIEF) -> None:
    for _ in range(times):
        throttle.failed(outlet, address)


def wait(throttle: Throttle, outlet: str, address: str) -> float:
    return max(throttle.pair_wait(outlet, address), throttle.address_wait(outlet, address))


def test_failures_below_the_limit_cause_no_wait(throttle: Throttle) -> None:
    fail(throttle, 2)
    assert wait(throttle, HARBOUR, THIEF) == 0


def test_reaching_the_limit_causes_a_wait(throttle: Throttle) -> None:
    fail(throttle, 3)
    assert wait(throttle, HARBOUR, THIEF) == 15


def test_the_throttle_counts_the_same_on_a_machine_that_has_just_started(throttle: Throttle, clock: Clock) -> None:
    clock.now = 1.0
    fail(throttle, 2)
    assert wait(throttle, HARBOUR, THIEF) == 0
    fail(throttle, 1)
    assert wait(throttle, HARBOUR, THIEF) == 15


def test_a_wait_ends_after_fifteen_seconds(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 3)
    clock.now += 14
    assert wait(throttle, HARBOUR, THIEF) == 1
    clock.now += 1
    assert wait(throttle, HARBOUR, THIEF) == 0


def test_each_further_failure_doubles_the_wait_up_to_fifteen_minutes(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 2)
    waits = []
    for _ in range(8):
        fail(throttle, 1)
        waits.append(wait(throttle, HARBOUR, THIEF))
        clock.now += waits[-1]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]


def test_the_wait_stays_a_number_after_any_number_of_failures(throttle: Throttle) -> None:
    fail(throttle, 5_000)
    assert wait(throttle, HARBOUR, THIEF) == 900


def test_an_attacker_cannot_lock_out_the_real_pos(throttle: Throttle) -> None:
    throttle.succeeded(HARBOUR, POS)
    fail(throttle, 100, address=THIEF)
    assert wait(throttle, HARBOUR, POS) == 0


def test_trying_outlet_after_outlet_from_one_address_causes_a_wait_for_all(throttle: Throttle) -> None:
    for number in range(5):
        throttle.failed(f"outlet-{number}", THIEF)
    assert wait(throttle, "outlet-6", THIEF) == 15
    assert wait(throttle, "outlet-6", POS) == 0


def test_a_proven_till_is_not_affected_by_others_at_its_address(throttle: Throttle) -> None:
    throttle.succeeded(STATION, POS)
    fail(throttle, 50, outlet=HARBOUR, address=POS)
    assert wait(throttle, STATION, POS) == 0
    assert wait(throttle, HARBOUR, POS) > 0


def test_a_thousand_valid_tills_behind_one_address_are_never_slowed_down(throttle: Throttle) -> None:
    for number in range(1_000):
        assert wait(throttle, f"outlet-{number}", POS) == 0
        throttle.succeeded(f"outlet-{number}", POS)
    fail(throttle, 50, address=POS)
    assert not any(wait(throttle, f"outlet-{number}", POS) for number in range(1_000))


def test_the_two_counts_are_separate(throttle: Throttle) -> None:
    fail(throttle, 3)
    assert (throttle.pair_wait(HARBOUR, THIEF), throttle.address_wait(HARBOUR, THIEF)) == (15, 0)
    fail(throttle, 2, outlet=STATION)
    assert (throttle.pair_wait(STATION, THIEF), throttle.address_wait(STATION, THIEF)) == (0, 15)


def test_an_earlier_success_does_not_allow_guessing(throttle: Throttle) -> None:
    throttle.succeeded(HARBOUR, THIEF)
    fail(throttle, 3)
    assert wait(throttle, HARBOUR, THIEF) == 15


def test_success_forgets_the_failures_of_the_pair(throttle: Throttle) -> None:
    fail(throttle, 2, address=POS)
    throttle.succeeded(HARBOUR, POS)
    fail(throttle, 2, address=POS)
    assert wait(throttle, HARBOUR, POS) == 0


def test_success_with_one_outlet_does_not_forget_the_failures_of_the_address(throttle: Throttle) -> None:
    for number in range(4):
        throttle.failed(f"outlet-{number}", THIEF)
    throttle.succeeded("own", THIEF)
    throttle.failed("outlet-9", THIEF)
    assert wait(throttle, "outlet-10", THIEF) == 15


def test_a_change_by_staff_lifts_the_blocks_of_that_outlet_for_every_address(throttle: Throttle) -> None:
    fail(throttle, 3, address=POS)
    fail(throttle, 3, outlet=STATION, address=THIEF)
    throttle.forgive(HARBOUR)
    assert wait(throttle, HARBOUR, POS) == 0
    assert wait(throttle, STATION, THIEF) > 0


def test_a_change_by_staff_lifts_the_block_of_an_address_for_that_outlet_only(throttle: Throttle, clock: Clock) -> None:
    for number in range(10):
        fail(throttle, 2, outlet=f"other-{number}", address=THIEF)
    assert wait(throttle, HARBOUR, THIEF) > 0
    throttle.forgive(HARBOUR)
    assert wait(throttle, HARBOUR, THIEF) == 0
    assert wait(throttle, STATION, THIEF) > 0
    fail(throttle, 3, outlet=HARBOUR, address=THIEF)
    assert wait(throttle, HARBOUR, THIEF) > 0, "its own failures count"
    clock.now += 901
    fail(throttle, 5, outlet="other-1", address=THIEF)
    fail(throttle, 5, outlet="other-2", address=THIEF)
    assert throttle.address_wait(HARBOUR, THIEF) > 0, "the exemption ends"


def test_old_failures_are_forgotten(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 2)
    clock.now += 901
    fail(throttle, 2)
    assert wait(throttle, HARBOUR, THIEF) == 0


def test_failures_within_the_same_quarter_of_an_hour_add_up(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 2)
    clock.now += 899
    fail(throttle, 1)
    assert wait(throttle, HARBOUR, THIEF) == 15


def test_a_whole_ipv6_network_of_one_customer_counts_as_one_address(throttle: Throttle) -> None:
    for number in range(3):
        throttle.failed(HARBOUR, f"2001:db8:1:2::{number}")
    assert wait(throttle, HARBOUR, "2001:db8:1:2:ffff::1") == 15
    assert wait(throttle, HARBOUR, "2001:db8:1:3::1") == 0


def test_guesses_at_one_outlet_are_bounded_for_any_number_of_addresses(throttle: Throttle) -> None:
    throttle.succeeded(HARBOUR, POS)
    for number in range(30):
        assert throttle.address_wait(HARBOUR, f"2001:db8:{number:x}::1") == 0
        throttle.failed(HARBOUR, f"2001:db8:{number:x}::1")
    assert throttle.address_wait(HARBOUR, "2001:db8:ffff::1") == 15
    assert throttle.address_wait(STATION, "2001:db8:ffff::1") == 0
    assert wait(throttle, HARBOUR, POS) == 0, "its proven address is not blocked"
    throttle.forgive(HARBOUR)
    assert throttle.address_wait(HARBOUR, "2001:db8:ffff::1") == 0


def test_an_ipv4_address_written_as_ipv6_is_the_same_address() -> None:
    assert network_of("::ffff:198.51.100.7") == network_of("198.51.100.7") == "198.51.100.7"


def test_a_client_without_an_address_is_counted_too() -> None:
    assert network_of("") == ""
    assert network_of("unix:") == "unix:"


def test_the_counts_are_bounded_and_the_oldest_go_first(throttle: Throttle) -> None:
    fail(throttle, 3, outlet="oldest", address="first")
    fail(throttle, 3, outlet="newest", address="last")
    for number in range(KEPT - 3):
        throttle._count(number, 1_000)
    assert len(throttle._failures) == KEPT
    assert wait(throttle, "oldest", "first") == 0
    assert wait(throttle, "newest", "last") == 15


def test_a_sampler_keeps_the_first_events_of_a_flood(clock: Clock) -> None:
    sampler = Sampler(burst=3, period=60, clock=clock)
    assert [sampler.take("flood") for _ in range(5)] == [True, True, True, False, False]
    assert sampler.take("another")


def test_a_sampler_starts_again_in_the_next_period(clock: Clock) -> None:
    sampler = Sampler(burst=1, period=60, clock=clock)
    assert sampler.take("flood")
    clock.now += 59
    assert not sampler.take("flood")
    clock.now += 1
    assert sampler.take("flood")


async def held(tarpit: Tarpit, count: int) -> int:
    """Return how many of `count` answers are delayed."""
    waiting = [asyncio.create_task(tarpit.hold()) for _ in range(count)]
    await asyncio.sleep(0)
    return sum(not task.done() for task in waiting)


def test_a_tarpit_delays_a_limited_number_and_lets_the_others_pass() -> None:
    async def scene() -> tuple[int, int]:
        tarpit = Tarpit(seconds=0.01, most=3)
        at_once = await held(tarpit, 5)
        await asyncio.sleep(0.1)
        return at_once, await held(tarpit, 2)

    assert asyncio.run(scene()) == (3, 2)
