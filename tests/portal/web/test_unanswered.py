"""Pages that wait for an unresponsive database are abandoned; all others may take as long as they need."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from integrations.wire.asgi_types import Receive, Scope, Send
from portal.web import page_run, unanswered
from portal.web.unanswered import Unanswered
from tests.support.asgi_client import http_scope
from tests.support.in_process import until

Event = dict[str, Any]
START: Event = {"type": "http.response.start", "status": 200, "headers": []}
END: Event = {"type": "http.response.body", "body": b"done"}


class Site:
    """A page that waits for `go_on`, and a database that may be unresponsive."""

    def __init__(self) -> None:
        self.go_on, self.probes, self.is_there = asyncio.Event(), 0, True
        self.saw_abandoned: bool | None = None
        self.begins_early = False
        self.answer_seconds = 0.0
        self.app = Unanswered(self._page, self._answers)

    async def _page(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        if self.begins_early:
            await send(START)
        await self.go_on.wait()
        self.saw_abandoned = page_run.is_abandoned()
        if not self.begins_early:
            await send(START)
        await send(END)

    async def _answers(self) -> bool:
        self.probes += 1
        await asyncio.sleep(self.answer_seconds)
        return self.is_there

    async def ask(self, path: str = "/admin/") -> list[Event]:
        events: list[Event] = []

        async def send(event: Event) -> None:
            events.append(event)

        await self.app(http_scope("POST", path), _nothing, send)
        return events

    async def until_probed(self, times: int) -> None:
        await until(lambda: self.probes >= times)


async def _nothing() -> None:
    raise AssertionError("nothing is read")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "PATIENCE", 0.01)


def in_loop(scene: Callable[[Site], Awaitable[None]]) -> None:
    async def run() -> None:
        await scene(Site())

    asyncio.run(run())


def test_a_slow_page_continues_while_the_database_answers() -> None:
    async def scene(site: Site) -> None:
        page = asyncio.ensure_future(site.ask())
        await site.until_probed(5)
        site.go_on.set()
        assert await page == [START, END]

    in_loop(scene)


def test_a_page_is_abandoned_when_the_database_does_not_answer_and_its_later_messages_are_dropped() -> None:
    async def scene(site: Site) -> None:
        site.is_there = False
        start, body = await site.ask()
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert (start["status"], headers["retry-after"], headers["connection"]) == (503, "10", "close")
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert b"does not answer" in body["body"]
        (work,) = site.app._running
        site.go_on.set()
        await work
        assert site.saw_abandoned
        assert site.app._running == set()

    in_loop(scene)


def test_a_call_of_the_api_gets_a_problem() -> None:
    async def scene(site: Site) -> None:
        site.is_there = False
        start, body = await site.ask("/api/v1/schema")
        assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
        assert b"database-away" in body["body"]
        site.go_on.set()
        await asyncio.gather(*site.app._running)

    in_loop(scene)


def test_an_answer_that_has_started_is_never_cut_off() -> None:
    async def scene(site: Site) -> None:
        site.is_there, site.begins_early = False, True
        page = asyncio.ensure_future(site.ask())
        await site.until_probed(1)
        site.go_on.set()
        assert await page == [START, END]
        assert site.saw_abandoned is False

    in_loop(scene)


def test_many_pages_share_one_probe_of_the_database() -> None:
    async def scene(site: Site) -> None:
        site.is_there, site.answer_seconds = False, 20 * unanswered.PATIENCE
        answers = await asyncio.gather(*(site.ask() for _ in range(50)))
        assert {start["status"] for start, _ in answers} == {503}
        assert site.probes == 1
        site.go_on.set()
        await asyncio.gather(*site.app._running)

    in_loop(scene)


def test_a_failing_page_raises_its_error() -> None:
    async def scene(_site: Site) -> None:
        async def fails(*_args: Any) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Unanswered(fails, _nothing)({}, None, None)  # type: ignore[arg-type]

    in_loop(scene)
