"""The handler of the portal's pages runs each request as one call in one thread, and notices disconnects."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core import signals
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from portal.web.pages import PageHandler
from tests.support.asgi_client import Answer, Run, http_scope, request

THREADS: list[int] = []
CLOSED: list[str] = []


def note(*_args: Any, **_kwargs: Any) -> None:
    THREADS.append(threading.get_ident())


def page(asked: HttpRequest) -> HttpResponse:
    note()
    response = TemplateResponse(asked, "404.html", {})
    response.add_post_render_callback(note)
    return response


def endless(_request: HttpRequest) -> StreamingHttpResponse:
    async def rows() -> AsyncIterator[str]:
        try:
            while True:
                yield "row\n"
                await asyncio.sleep(0)
        finally:
            CLOSED.append("endless")

    return StreamingHttpResponse(rows())


def finite(_request: HttpRequest) -> StreamingHttpResponse:
    async def rows() -> AsyncIterator[str]:
        yield "one,"
        yield "two"

    return StreamingHttpResponse(rows())


def echo(asked: HttpRequest) -> HttpResponse:
    return HttpResponse(asked.body, content_type="text/plain")


def away(_request: HttpRequest) -> HttpResponse:
    raise OperationalError("the connection is lost\nLINE 1: SELECT 1")


handler500 = "portal.web.errors.server_error"
urlpatterns = [
    path("away", csrf_exempt(away)),
    path("page", csrf_exempt(page)),
    path("endless", endless),
    path("finite", csrf_exempt(finite)),
    path("echo", csrf_exempt(echo)),
]


@pytest.fixture(autouse=True)
def _pages() -> Iterator[None]:
    THREADS.clear()
    CLOSED.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield


def answer_of(target: str, *chunks: bytes) -> Answer:
    return asyncio.run(request("POST", target, chunks or (b"",), app=PageHandler()))


def test_a_page_is_one_call_in_one_thread_from_the_first_signal_to_the_last() -> None:
    signals.request_started.connect(note)
    signals.request_finished.connect(note)
    try:
        answer = answer_of("/page")
    finally:
        signals.request_started.disconnect(note)
        signals.request_finished.disconnect(note)
    assert answer.status == 200
    assert len(THREADS) == 4  # one each from the first signal, the view, the template and the last signal
    assert len(set(THREADS)) == 1
    assert threading.get_ident() not in THREADS


def test_a_page_has_the_headers_of_all_middleware_and_reads_a_body_in_pieces() -> None:
    answer = answer_of("/echo", b"one,", b"two")
    assert (answer.status, answer.body) == (200, b"one,two")
    assert {"content-security-policy", "x-frame-options", "x-content-type-options"} <= set(answer.headers)


def test_a_body_that_is_too_large_is_refused_in_the_format_of_the_path() -> None:
    below_api, elsewhere = answer_of("/api/v1/schema", b"x" * 1_100_000), answer_of("/page", b"x" * 1_100_000)
    assert (below_api.status, elsewhere.status) == (413, 413)
    assert below_api.json()["type"] == "urn:order-n-pay:problem:too-large"
    assert elsewhere.headers["content-type"].startswith("text/html")
    for answer in (below_api, elsewhere):
        assert answer.headers["connection"] == "close"


def test_a_streaming_response_arrives_completely() -> None:
    assert answer_of("/finite").body == b"one,two"


def test_a_streaming_response_ends_when_the_client_disconnects() -> None:
    async def leave_early() -> None:
        async with Run(http_scope("GET", "/endless"), PageHandler()) as run:
            run.send({"type": "http.request", "body": b""})
            assert (await run.next())["status"] == 200
            assert (await run.next())["body"] == b"row\n"
            run.send({"type": "http.disconnect"})
            await run.ended()

    asyncio.run(leave_early())
    assert CLOSED


def test_an_incomplete_request_is_not_answered() -> None:
    async def leave_early() -> None:
        async with Run(http_scope("GET", "/page"), PageHandler()) as run:
            run.send({"type": "http.request", "body": b"half", "more_body": True})
            run.send({"type": "http.disconnect"})
            await run.ended()
            assert not run.has_more()

    asyncio.run(leave_early())
    assert not THREADS


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    async def ask() -> int:
        async with Run(http_scope("GET", "/page") | {"query_string": b"\xff"}, PageHandler()) as run:
            run.send({"type": "http.request", "body": b""})
            status: int = (await run.next())["status"]
            return status

    assert asyncio.run(ask()) == 400
    assert not THREADS


def test_a_page_that_fails_because_of_an_unavailable_database_is_one_warning_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):
        assert answer_of("/away").status == 503
    records = [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]
    assert [each.getMessage() for each in records] == ["Answered 503 because of the database."] * 2
    found = [(each.path, each.error) for each in records]  # type: ignore[attr-defined]
    assert found == [("/away", "the connection is lost")] * 2
    assert not any(each.exc_info for each in records)
    assert all(each.most_in_a_period == 1 for each in records)  # type: ignore[attr-defined]
