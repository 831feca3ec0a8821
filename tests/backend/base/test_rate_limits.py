"""Each API key has a rate limit. Calls beyond it get 429; other keys are not affected."""

import asyncio
from unittest import mock

import pytest
from django.test import override_settings

from integrations.backend.base import rate_limits
from integrations.backend.base.rate_limits import Buckets, Usage
from integrations.models.api_key import CallLimit
from tests.backend.answers import kind_of
from tests.support.backend_client import Backend
from tests.support.in_process import InProcess, until

LIMIT = CallLimit(per_second=4, burst=10)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buckets(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    monkeypatch.setattr(rate_limits, "time", clock)
    return Buckets()


def taken(buckets: Buckets, count: int, key: int = 1) -> list[Usage]:
    usages = [buckets.take(key, LIMIT) for _ in range(count)]
    return [each for each in usages if not each.wait]


def test_a_burst_is_allowed_and_no_more(buckets: Buckets) -> None:
    assert [each.remaining for each in taken(buckets, 30)] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_afterwards_calls_are_allowed_at_the_rate(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, 10)
    counts = []
    for _ in range(20):
        clock.now += 0.5
        counts.append(len(taken(buckets, 30)))
    assert counts == [2] * 20


def test_a_refused_call_does_not_count(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, 1000)
    clock.now += 2.5
    assert len(taken(buckets, 30)) == 10


def test_a_refused_call_is_told_how_long_to_wait(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, 10)
    assert buckets.take(1, LIMIT).wait == pytest.approx(0.25)
    clock.now += 0.25
    assert not buckets.take(1, LIMIT).wait


def test_the_calls_of_each_key_are_counted_separately(buckets: Buckets) -> None:
    taken(buckets, 30)
    assert len(taken(buckets, 30, key=2)) == 10


def test_the_usage_of_idle_keys_is_forgotten_before_it_fills_the_memory(buckets: Buckets, clock: Clock) -> None:
    with mock.patch.object(rate_limits, "MOST", 50):
        for key in range(1000):
            clock.now += 1
            buckets.take(key, LIMIT)
    assert len(buckets._full_at) <= 50


def test_a_burst_of_less_than_a_second_is_allowed(buckets: Buckets) -> None:
    usages = [buckets.take(1, CallLimit(per_second=100, burst=1)) for _ in range(3)]
    assert [bool(each.wait) for each in usages] == [False, True, True]
    assert usages[0].headers() == ((b"ratelimit-policy", b'"api-key";q=1;w=1'), (b"ratelimit", b'"api-key";r=0;t=1'))


@mock.patch.object(rate_limits, "DELAY_SECONDS", 0.01)
class RateLimits(InProcess):
    async def test_a_call_over_the_limit_is_refused_and_other_keys_are_not(self) -> None:
        runaway, other = await Backend.make(calls_per_second=1, calls_burst=3), await Backend.make("other")
        answers = [await runaway.get("api-key") for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        refused = answers[-1]
        assert kind_of(refused) == "rate-limited"
        assert refused.headers["retry-after"] == "1"
        assert (await other.get("api-key")).status == 200

    async def test_only_a_limited_number_of_refusals_is_delayed_at_once(self) -> None:
        backend = await Backend.make(calls_per_second=1, calls_burst=1)
        await backend.get("api-key")
        delays: list[float] = []
        free = asyncio.Event()

        async def sleep(seconds: float) -> None:
            delays.append(seconds)
            await free.wait()

        with mock.patch.object(rate_limits, "MOST_DELAYED", 3), mock.patch.object(rate_limits, "asyncio") as patched:
            patched.sleep = sleep
            calls = [asyncio.ensure_future(backend.post("outlets/none/requests", "{}")) for _ in range(3)]
            await until(lambda: len(delays) == 3)
            assert kind_of(await backend.get("api-key")) == "rate-limited"
            assert not any(call.done() for call in calls)
            free.set()
            assert [kind_of(each) for each in await asyncio.gather(*calls)] == ["rate-limited"] * 3
        assert rate_limits.buckets._delayed == 0

    async def test_every_answer_to_an_authenticated_call_shows_the_limit(self) -> None:
        backend = await Backend.make(calls_per_second=2, calls_burst=5)
        answers = [await backend.get(path) for path in ("api-key", "outlets/none", "outlets?x=1")]
        assert [answer.status for answer in answers] == [200, 404, 422]
        assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"api-key";q=5;w=3'}
        assert [answer.headers["ratelimit"] for answer in answers] == [
            f'"api-key";r={left};t={seconds}' for left, seconds in ((4, 1), (3, 1), (2, 2))
        ]
        assert "ratelimit" not in (await Backend("ONPK-none").get("api-key")).headers

    async def test_a_key_without_its_own_limit_has_the_one_in_the_settings(self) -> None:
        backend = await Backend.make()
        with override_settings(API_CALLS_PER_SECOND=1, API_CALLS_BURST=2):
            assert [(await backend.get("api-key")).status for _ in range(3)] == [200, 200, 429]

    async def test_the_burst_of_a_key_is_twice_its_rate_unless_it_is_given(self) -> None:
        key = (await (await Backend.make(calls_per_second=7)).get("api-key")).json()
        assert (key["calls_per_second"], key["calls_burst"]) == (7, 14)
