"""What stands between the server and the views: requests that are made as far as they are read, and many ears."""

import socket

import pytest

from integrations.asgi import LazyRequest
from integrations.server import EARS, ears

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


def test_a_lazy_request_is_a_whole_one_for_whoever_asks_for_more() -> None:
    request = LazyRequest(SCOPE, b"{}")
    assert request.headers["X-Request-ID"] == "abc"
    assert request.META["REMOTE_ADDR"] == "192.0.2.1"
    assert request.GET["limit"] == "3"
    assert (request.path, request.body, request.encoding) == ("/somewhere", b"{}", "latin-1")


def test_a_lazy_request_has_no_more_than_a_request_has() -> None:
    with pytest.raises(AttributeError):
        _ = LazyRequest(SCOPE, b"").something_else


def test_every_ear_hears_the_same_address() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    heard = ears(listener)
    try:
        assert len(heard) == EARS
        assert {each.getsockname() for each in heard} == {listener.getsockname()}
        with socket.create_connection(listener.getsockname()):
            heard[-1].accept()[0].close()
    finally:
        for each in heard:
            each.close()
