"""The views' plain requests and responses, with and without Django. Also tests the copies of the server's listener."""

import asyncio
import socket
from typing import Any

import pytest

from integrations.wire.plain_http import WHOLE, PlainRequest, PlainResponse, send_response
from integrations.wire.request_bodies import is_longer
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


def test_a_request_is_read_from_its_scope() -> None:
    request = PlainRequest(SCOPE, b"{}")
    assert (request.method, request.path, request.body) == ("POST", "/somewhere", b"{}")
    assert request.query.dict() == {"limit": "3"}
    assert request.header(b"x-request-id") == "abc"
    assert request.header(b"authorization") is None


def plain_response() -> PlainResponse:
    return PlainResponse(201, [(b"content-type", b"text/plain"), (b"retry-after", b"5")], b"Made.")


def sent(response: PlainResponse, **scope: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    asyncio.run(send_response(response, {"method": "POST", **scope}, send))
    return events


def test_a_response_is_sent_whole_to_a_server_that_takes_it() -> None:
    (event,) = sent(plain_response(), extensions={WHOLE: {}})
    own = [(b"content-type", b"text/plain"), (b"retry-after", b"5"), (b"content-length", b"5")]
    assert event == {"type": WHOLE, "status": 201, "headers": [*SECURITY_HEADERS, *own], "body": b"Made."}


def test_a_response_is_sent_in_two_messages_to_any_other_server() -> None:
    own = [(b"content-type", b"text/plain"), (b"retry-after", b"5")]
    headers = [*SECURITY_HEADERS, *own, (b"content-length", b"5")]
    assert sent(plain_response()) == [
        {"type": "http.response.start", "status": 201, "headers": headers},
        {"type": "http.response.body", "body": b"Made."},
    ]


def test_a_response_is_the_same_through_django() -> None:
    response = plain_response().for_django()
    assert (response["Retry-After"], response["Content-Type"]) == ("5", "text/plain")
    assert (response.status_code, response.content, response.reason_phrase) == (201, b"Made.", "Created")
    again = PlainResponse.of(response)
    assert (again.status, sorted(again.headers), again.body) == (201, sorted(plain_response().headers), b"Made.")


def test_a_header_that_is_set_replaces_the_one_of_the_same_name() -> None:
    response = plain_response()
    response.set_header(b"x-request-id", "abc")
    response.set_header(b"retry-after", "7")
    assert response.headers == [(b"content-type", b"text/plain"), (b"x-request-id", b"abc"), (b"retry-after", b"7")]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_a_header_value_cannot_inject_another_header(value: str) -> None:
    with pytest.raises(ValueError, match="more than one line"):
        plain_response().set_header(b"x-request-id", value)


def test_every_listener_copy_has_the_same_address() -> None:
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
