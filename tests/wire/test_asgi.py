"""What stands between the server and the views: requests that are made as far as they are read, and many ears."""

import asyncio
import socket
from typing import Any

import pytest
from django.http import BadHeaderError, HttpResponse
from django.test import RequestFactory

from integrations.wire.asgi import WHOLE, LazyRequest, LazyResponse, header_of, is_longer, send_response
from integrations.wire.security_headers import SECURITY_HEADERS
from portal.serving.server import LISTENER_COPIES, duplicate_listener

SCOPE = {
    "type": "http",
    "method": "post",
    "path": "/somewhere",
    "query_string": b"limit=3",
    "headers": [(b"x-request-id", b"abc"), (b"content-type", b"text/plain; charset=latin-1")],
    "client": ("192.0.2.1", 4711),
}


def test_a_lazy_request_has_its_method_and_body_without_being_made() -> None:
    request = LazyRequest(SCOPE, b"{}")
    assert (request.method, request.body) == ("POST", b"{}")
    assert "META" not in vars(request)


def test_what_the_doors_read_of_a_lazy_request_does_not_make_it() -> None:
    request = LazyRequest(SCOPE, b"{}")
    assert request.GET.dict() == {"limit": "3"}
    assert header_of(request, "X-Request-ID") == "abc"
    assert header_of(request, "Authorization") is None
    assert "META" not in vars(request)
    assert header_of(RequestFactory().get("/", headers={"X-Request-ID": "def"}), "X-Request-ID") == "def"


def test_a_lazy_request_is_a_whole_one_for_whoever_asks_for_more() -> None:
    request = LazyRequest(SCOPE, b"{}")
    assert request.headers["X-Request-ID"] == "abc"
    assert request.META["REMOTE_ADDR"] == "192.0.2.1"
    assert request.GET["limit"] == "3"
    assert (request.path, request.body, request.encoding) == ("/somewhere", b"{}", "latin-1")


def test_a_lazy_request_has_no_more_than_a_request_has() -> None:
    with pytest.raises(AttributeError):
        _ = LazyRequest(SCOPE, b"").something_else


def lazy_response() -> LazyResponse:
    return LazyResponse(201, [(b"content-type", b"text/plain"), (b"retry-after", b"5")], b"Made.")


def sent(response: HttpResponse, **scope: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    asyncio.run(send_response(response, {"method": "POST", **scope}, send))
    return events


def test_a_response_is_sent_whole_to_a_server_that_takes_it() -> None:
    (event,) = sent(lazy_response(), extensions={WHOLE: {}})
    own = [(b"content-type", b"text/plain"), (b"retry-after", b"5"), (b"content-length", b"5")]
    assert event == {"type": WHOLE, "status": 201, "headers": [*SECURITY_HEADERS, *own], "body": b"Made."}


def test_a_lazy_response_is_sent_without_being_made() -> None:
    response = lazy_response()
    own = [(b"content-type", b"text/plain"), (b"retry-after", b"5")]
    headers = [*SECURITY_HEADERS, *own, (b"content-length", b"5")]
    assert sent(response) == [
        {"type": "http.response.start", "status": 201, "headers": headers},
        {"type": "http.response.body", "body": b"Made."},
    ]
    assert "headers" not in vars(response)


def test_a_lazy_response_is_a_whole_one_for_whoever_asks_for_more() -> None:
    response = lazy_response()
    assert response["Retry-After"] == "5"
    assert (response.status_code, response.content, response.reason_phrase) == (201, b"Made.", "Created")
    assert b"content-type: text/plain" in response.serialize_headers()


def test_a_header_of_a_lazy_response_is_set_without_making_it() -> None:
    response = lazy_response()
    response["X-Request-ID"] = "abc"
    response["Retry-After"] = "7"
    assert "headers" not in vars(response)
    headers = [(b"content-type", b"text/plain"), (b"x-request-id", b"abc"), (b"retry-after", b"7")]
    assert sent(response)[0]["headers"] == [*SECURITY_HEADERS, *headers, (b"content-length", b"5")]
    assert (response["x-request-id"], response["Retry-After"]) == ("abc", "7")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_no_header_of_a_lazy_response_can_be_two(value: str) -> None:
    with pytest.raises(BadHeaderError):
        lazy_response()["X-Request-ID"] = value


def test_what_somebody_changes_in_a_lazy_response_is_sent() -> None:
    response = lazy_response()
    response["X-Request-ID"] = "abc"
    response.content = b"Changed."
    response.status_code = 202
    start, body = sent(response)
    assert start["status"] == 202
    assert dict(start["headers"]) | {b"x-request-id": b"abc", b"content-length": b"8"} == dict(start["headers"])
    assert body["body"] == b"Changed."


def test_a_lazy_response_has_no_more_than_a_response_has() -> None:
    with pytest.raises(AttributeError):
        _ = lazy_response().something_else


def test_every_ear_hears_the_same_address() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    heard = duplicate_listener(listener)
    try:
        assert len(heard) == LISTENER_COPIES
        assert {each.getsockname() for each in heard} == {listener.getsockname()}
        with socket.create_connection(listener.getsockname()):
            heard[-1].accept()[0].close()
    finally:
        for each in heard:
            each.close()


@pytest.mark.parametrize(("length", "expected"), [(b"9" * 5000, True), (b"0" * 5000 + b"7", False), (b"7", False)])
def test_a_content_length_of_any_number_of_digits_is_compared(length: bytes, expected: bool) -> None:
    assert is_longer({"headers": [(b"content-length", length)]}, 7) is expected
