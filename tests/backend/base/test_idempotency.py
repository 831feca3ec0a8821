"""Every POST honours Idempotency-Key: at most one change for each key, even if the caller never gets the answer."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from integrations.backend import urls
from integrations.backend.base import views
from integrations.backend.base.idempotency import idempotency_key
from integrations.backend.base.problems import Problem
from integrations.backend.requests import rows
from integrations.backend.requests.views import OutletRequestsView
from integrations.services.api_keys import idempotency
from integrations.wire.plain_http import PlainRequest
from tests.backend.answers import kind_of
from tests.support.asgi_client import Answer, Run, http_scope
from tests.support.backend_client import API, Backend, make_outlet
from tests.support.in_process import InProcess, until


def key_in(*values: bytes) -> str | None:
    return idempotency_key(PlainRequest({"headers": [(b"idempotency-key", value) for value in values]}, b""))


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        (b"order-17", "order-17"),
        (b'"order-17"', "order-17"),
        (b' "a \\"b\\" \\\\" ', 'a "b" \\'),
        (b"a b;c=1", "a b;c=1"),
    ],
)
def test_a_key_is_read_with_and_without_quotes(sent: bytes, key: str) -> None:
    assert key_in(sent) == key


def test_a_call_without_the_header_has_no_key() -> None:
    assert key_in() is None


@pytest.mark.parametrize(
    "sent",
    [
        (b"",),
        (b'""',),
        (b'"a',),
        (b'"a\\b"',),
        (b'"a"; b=1',),
        (b"caf\xc3\xa9",),
        (b"a\tb",),
        (b"x" * 257,),
        (b"a", b"a"),
    ],
)
def test_an_invalid_header_is_refused(sent: tuple[bytes, ...]) -> None:
    with pytest.raises(Problem) as refused:
        key_in(*sent)
    assert refused.value.kind.status == 422


def posts() -> list[Any]:
    views = [getattr(pattern.callback, "view_class", None) for pattern in urls.urlpatterns]
    return [view.post for view in views if view is not None and hasattr(view, "post")]


def test_every_post_honours_the_idempotency_key() -> None:
    """The only exception is the call that sends a request to a POS: its idempotency key is the request_id."""
    others = [post for post in posts() if post is not OutletRequestsView.post]
    assert others
    assert [post.__qualname__ for post in others if "self.change(" not in inspect.getsource(post)] == []


@contextmanager
def held() -> Iterator[tuple[threading.Event, list[None]]]:
    """Block each call that cancels a request until the yielded event is set. The call's transaction stays open.

    Each call appends None to the yielded list before it is blocked, so the test can wait for the call to begin.
    """
    free, started, cancel = threading.Event(), list[None](), rows.cancel_request

    def wait(*args: Any, **options: Any) -> object:
        started.append(None)
        assert free.wait(10)
        return cancel(*args, **options)

    with mock.patch.object(rows, "cancel_request", wait):
        try:
            yield free, started
        finally:
            free.set()


class IdempotencyKeys(InProcess):
    async def queued(self) -> str:
        """Queue a request of a new backend, and return the path of the call that cancels it."""
        self.outlet, self.backend = await make_outlet(), await Backend.make()
        receipt = await self.backend.ask(self.outlet, mode="async", expires_in=60)
        return f"requests/{receipt.json()['id']}/cancel"

    async def cancel(self, path: str, key: str = "k1") -> Answer:
        return await self.backend.post(path, Idempotency_Key=key)

    async def test_a_repeat_gets_the_first_answer(self) -> None:
        path = await self.queued()
        first, again = await self.cancel(path), await self.cancel(path, '"k1"')
        assert (first.status, again.status) == (200, 200)
        assert again.body == first.body
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["cache-control"] == "no-store"
        assert again.headers["x-request-id"] != first.headers["x-request-id"]

    async def test_a_key_of_a_different_call_is_refused(self) -> None:
        path = await self.queued()
        await self.cancel(path)
        answer = await self.cancel(f"{path}?a=1")
        assert (answer.status, kind_of(answer)) == (422, "invalid-input")
        answer = await self.backend.post(path, "{}", Idempotency_Key="k1")
        assert (answer.status, kind_of(answer)) == (422, "idempotency-key-reused")

    async def test_a_repeat_during_the_first_call_is_refused_and_gets_the_answer_later(self) -> None:
        path = await self.queued()
        with held() as (free, started):
            first = asyncio.ensure_future(self.cancel(path))
            await until(lambda: started)
            during = await self.cancel(path)
            free.set()
            await first
        assert (during.status, kind_of(during)) == (409, "idempotency-key-in-use")
        assert int(during.headers["retry-after"]) > 0
        assert (await self.cancel(path)).body == first.result().body

    async def test_a_call_that_was_too_slow_for_its_caller_still_happens_once(self) -> None:
        path = await self.queued()
        with held() as (free, started), mock.patch.object(views, "CHANGE_SECONDS", 0.05):
            answer = await self.cancel(path)
            assert (answer.status, kind_of(answer)) == (503, "database-away")
            assert kind_of(await self.cancel(path)) == "idempotency-key-in-use"
            free.set()
        await until(lambda: not idempotency._in_progress)
        assert (await self.cancel(path)).headers["idempotent-replayed"] == "true"
        assert len(started) == 1

    async def test_a_call_whose_caller_leaves_still_happens_once(self) -> None:
        path = await self.queued()
        with held() as (free, started):
            scope = http_scope("POST", f"{API}/{path}", self.backend._headers | {"idempotency-key": "k1"})
            async with Run(scope) as first:
                first.send({"type": "http.request"})
                await until(lambda: started)
                first.send({"type": "http.disconnect"})
                await first.ended()
            free.set()
        await until(lambda: not idempotency._in_progress)
        assert (await self.cancel(path)).json()["state"] == "cancelled"
        assert len(started) == 1
