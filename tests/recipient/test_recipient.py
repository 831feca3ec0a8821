"""Attempts to open hand-over links are limited for each address and in total, before they use a thread."""

import asyncio
from typing import Any

import pytest

from integrations.recipient import openings
from integrations.recipient.openings import OPENINGS, PERIOD, RecipientHttp, Slots
from integrations.wire.asgi_types import Receive
from integrations.wire.limits import BODIES_PER_ADDRESS, MAX_PAGE_BODY
from tests.support.asgi_client import http_scope
from tests.support.in_process import until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Site:
    """An application behind the limits. It counts concurrent requests, and answers none before `go_on` is set."""

    def __init__(self) -> None:
        self.clock, self.inside, self.most, self.go_on = Clock(), 0, 0, asyncio.Event()
        self.go_on.set()
        self.bodies: list[bytes] = []
        self.app = RecipientHttp(self._page, headers={"X-Policy": "strict"}, clock=self.clock)

    async def _page(self, _scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.bodies.append((await receive())["body"])
        self.most = max(self.most, self.inside)
        await self.go_on.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 403, "headers": []})

    async def ask(
        self, address: str, *, method: str = "POST", receive: Receive | None = None, **headers: str
    ) -> dict[str, Any]:
        events: list[dict[str, Any]] = []

        async def send(event: dict[str, Any]) -> None:
            events.append(event)

        await self.app(http_scope(method, "/handover/", headers, address), receive or _whole, send)
        return events[0]

    async def statuses(self, addresses: list[str]) -> list[int]:
        return [answer["status"] for answer in await asyncio.gather(*map(self.ask, addresses))]


async def _whole() -> dict[str, Any]:
    return {"type": "http.request", "body": b"code=x", "more_body": False}


def _slow() -> tuple[Receive, asyncio.Event]:
    """Return a `receive` and an event. `receive` gives half a form immediately, and the rest once the event is set."""
    halves, go_on = iter((b"code=", b"x")), asyncio.Event()

    async def receive() -> dict[str, Any]:
        half = next(halves)
        if half == b"x":
            await go_on.wait()
        return {"type": "http.request", "body": half, "more_body": half != b"x"}

    return receive, go_on


async def _nothing() -> None:
    raise AssertionError("no body is read for a refusal")


def test_one_address_has_ten_openings_a_minute_and_a_whole_ipv6_network_counts_as_one() -> None:
    async def scene() -> None:
        site = Site()
        answers = [await site.ask(f"2001:db8::{number:x}") for number in range(OPENINGS + 3)]
        assert [answer["status"] for answer in answers] == [403] * OPENINGS + [429] * 3
        headers = dict(answers[-1]["headers"])
        assert (headers[b"retry-after"], headers[b"x-policy"], headers[b"cache-control"]) == (
            b"60",
            b"strict",
            b"no-store",
        )
        assert (await site.ask("2001:db8:0:1::1"))["status"] == 403
        assert (await site.ask("2001:db8::1", method="GET"))["status"] == 403, "looking is not counted"
        site.clock.now = PERIOD
        assert (await site.ask("2001:db8::1"))["status"] == 403

    asyncio.run(scene())


def test_three_hundred_openings_from_as_many_addresses_use_few_threads() -> None:
    async def scene() -> None:
        site = Site()
        site.go_on.clear()
        asking = asyncio.create_task(site.statuses([f"203.0.113.{number % 256}" for number in range(300)]))
        await until(lambda: site.inside == openings.AT_ONCE)
        site.go_on.set()
        statuses = await asking
        assert site.most == openings.AT_ONCE
        assert statuses.count(403) == openings.AT_ONCE + openings.WAITING
        assert statuses.count(503) == 300 - openings.AT_ONCE - openings.WAITING
        assert (await site.ask("198.51.100.1"))["status"] == 403, "and then it is open again"

    asyncio.run(scene())


def test_forms_that_are_sent_slowly_delay_no_other_opening() -> None:
    async def scene() -> None:
        site = Site()
        slow = [_slow() for _ in range(OPENINGS * 5)]
        addresses = [f"203.0.113.{number % 5}" for number in range(len(slow))]
        asking = [
            asyncio.create_task(site.ask(address, receive=receive))
            for address, (receive, _) in zip(addresses, slow, strict=True)
        ]
        await asyncio.sleep(0)
        assert (await asyncio.wait_for(site.ask("198.51.100.1"), 10))["status"] == 403
        assert site.bodies == [b"code=x"]
        for _, go_on in slow:
            go_on.set()
        assert {answer["status"] for answer in await asyncio.gather(*asking)} <= {403, 503}
        assert set(site.bodies) == {b"code=x"}, "the page gets the whole form"

    asyncio.run(scene())


def test_the_form_has_the_size_limit_of_every_page() -> None:
    async def scene() -> None:
        site = Site()
        answer = await site.ask("198.51.100.1", receive=_nothing, **{"Content-Length": str(MAX_PAGE_BODY + 1)})
        assert (answer["status"], dict(answer["headers"])[b"connection"]) == (413, b"close")
        chunk = {"type": "http.request", "body": bytes(MAX_PAGE_BODY), "more_body": True}

        async def endless() -> dict[str, Any]:
            return chunk

        assert (await site.ask("198.51.100.1", receive=endless))["status"] == 413
        assert site.bodies == []

    asyncio.run(scene())


def test_with_too_many_unfinished_forms_of_one_address_the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "OPENINGS", BODIES_PER_ADDRESS + 1)

    async def scene() -> None:
        site = Site()
        slow = [_slow() for _ in range(BODIES_PER_ADDRESS + 1)]
        asking = [asyncio.create_task(site.ask("198.51.100.1", receive=receive)) for receive, _ in slow]
        assert (await asyncio.wait_for(asking[0], 10))["status"] == 429
        for _, go_on in slow:
            go_on.set()
        await asyncio.gather(*asking)

    asyncio.run(scene())


def test_a_client_that_disconnects_while_it_sends_its_form_is_forgotten() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def scene() -> None:
        site = Site()
        with pytest.raises(IndexError):  # ask() fails, because there is no answer
            await site.ask("198.51.100.1", receive=gone)
        assert site.bodies == []

    asyncio.run(scene())


@pytest.mark.parametrize("is_given", [False, True])
def test_a_client_that_disconnects_while_waiting_frees_its_place(is_given: bool) -> None:
    async def scene() -> None:
        slots = Slots(1, 5)
        assert await slots.begin()
        leaving = asyncio.create_task(slots.begin())
        await asyncio.sleep(0)
        if is_given:
            slots.end()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        if not is_given:
            slots.end()
        assert await asyncio.wait_for(slots.begin(), 5)

    asyncio.run(scene())


def test_the_number_of_counted_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "KEPT", 3)
    site_app = RecipientHttp(_nothing, headers={})  # type: ignore[arg-type]
    assert all(site_app._may_open(f"192.0.2.{number}") for number in range(20))
    assert len(site_app._openings) == 3
