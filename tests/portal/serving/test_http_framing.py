"""HttpProtocol recognises where each request ends. The tests send it raw bytes; it serves a small application."""

import json

from django.test import SimpleTestCase

from integrations.wire.asgi_types import Receive, Scope, Send
from integrations.wire.plain_http import WHOLE
from tests.portal.serving.exchanges import BODY, HANDSHAKE, LAST, exchange, raw_exchange, received, status_of_handshake
from tests.support.raw_http import answers_in


class CompleteAnswers(SimpleTestCase):
    """The client gets the same bytes whether the application sends its answer in one message or in two."""

    async def test_its_bytes_equal_those_of_two_messages(self) -> None:
        for method in (b"GET", b"POST", b"HEAD"):
            for version, close in ((b"1.1", b""), (b"1.1", b"Connection: close\r\n"), (b"1.0", b"")):
                with self.subTest(method=method, version=version, close=close):
                    ask = b"%b /%b HTTP/%b\r\nHost: x\r\n%b\r\n"
                    whole = await raw_exchange(ask % (method, b"whole", version, close) + LAST)
                    parts = await raw_exchange(ask % (method, b"parts", version, close) + LAST)
                    assert whole == parts.replace(b"/parts", b"/whole")

    async def test_the_application_may_close_the_connection(self) -> None:
        async def busy(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": WHOLE, "status": 503, "headers": [(b"connection", b"close")], "body": b""})

        assert (await raw_exchange(LAST.replace(b"Connection: close\r\n", b""), app=busy)).count(b"connection:") == 1

    async def test_a_handler_that_fails_before_its_answer_gets_uvicorns_500(self) -> None:
        async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise ZeroDivisionError

        with self.assertLogs("uvicorn.error", "ERROR"):
            (answer,) = answers_in(await raw_exchange(LAST, app=broken))
        assert answer.status == 500


class Upgrades(SimpleTestCase):
    """Only a websocket handshake switches a connection from HTTP to another protocol."""

    async def test_the_body_of_a_request_with_an_unknown_upgrade_is_read_as_its_body(self) -> None:
        heads = [
            b"POST /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n",
            b"PUT /a HTTP/1.1\r\nUpgrade: TLS/1.0, HTTP/3\r\nContent-Length: %d\r\nConnection: x, uPgRaDe\r\n\r\n",
            b"POST /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n",
            b"DELETE /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n",
            b"POST /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\nContent-Length: %d\r\n\r\n",
            b"GET /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websockets\r\nContent-Length: %d\r\n\r\n",
            b"GET /a HTTP/1.1\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n",
        ]
        for each in heads:
            head = each.replace(b"\r\n", b"\r\nHost: x\r\n", 1)
            method = head.split()[0].decode()
            for pieces in ((head % len(BODY), BODY, LAST), (head % len(BODY) + BODY + LAST,)):
                with self.subTest(head=head, pieces=len(pieces)):
                    first, second = await exchange(*pieces)
                    assert received(first) == [method, "/a", BODY.decode()]
                    assert received(second) == ["GET", "/last", ""]

    async def test_a_chunked_body_after_an_unknown_upgrade_is_read_too(self) -> None:
        head = b"POST /a HTTP/1.1\r\nHost:\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        first, second = await exchange(head, b"%x\r\n" % len(BODY) + BODY, b"\r\n0\r\n\r\n" + LAST)
        assert received(first) == ["POST", "/a", BODY.decode()]
        assert received(second) == ["GET", "/last", ""]

    async def test_many_requests_with_unknown_upgrades_in_one_piece_are_all_answered(self) -> None:
        one = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab"
        answers = await exchange(one * 50 + LAST)
        assert [received(each)[1:] for each in answers] == [["/a", "ab"]] * 50 + [["/last", ""]]

    async def test_http_1_0_has_no_upgrade(self) -> None:
        head = HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0")
        (answer,) = await exchange(head + b"\r\n")
        assert received(answer) == ["GET", "/", ""]
        assert answer.headers["connection"] == "close"

    async def test_a_websocket_handshake_is_recognised_in_any_spelling(self) -> None:
        spellings = [
            HANDSHAKE,
            HANDSHAKE.replace(b"Upgrade: websocket", b"UPGRADE: WebSocket"),
            HANDSHAKE.replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
            HANDSHAKE.replace(b"Upgrade: websocket", b"Upgrade: h2c\r\nUpgrade: websocket"),
            HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: upgrade\r\nConnection: keep-alive"),
            HANDSHAKE + b"Content-Length: 0\r\n",
        ]
        for head in spellings:
            with self.subTest(head=head):
                assert await status_of_handshake(head + b"\r\n") == 101

    async def test_origins_and_subprotocols_are_left_to_the_application_however_they_are_written(self) -> None:
        for lines in (
            b"Origin: http://x\r\nOrigin: http://y\r\n",
            b"Origin:\r\n",
            b"Sec-WebSocket-Protocol:\r\n",
            b"Sec-WebSocket-Protocol: ,\r\nSec-WebSocket-Protocol: a b, c\r\n",
            b"Sec-WebSocket-Protocol: " + b"x" * 5_000 + b"\r\n",
        ):
            with self.subTest(lines=lines):
                assert await status_of_handshake(HANDSHAKE + lines + b"\r\n") == 101

    async def test_a_tunnel_is_refused_and_later_bytes_are_not_read(self) -> None:
        (answer,) = await exchange(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + BODY)
        assert (answer.status, answer.headers["connection"]) == (405, "close")


class Ambiguous(SimpleTestCase):
    """An ambiguous request, which two servers could parse differently, gets one answer; later bytes are not read."""

    async def test_a_request_that_cannot_be_framed_gets_one_answer_and_the_connection_ends(self) -> None:
        requests = {
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc": 501,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": 501,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n": 501,
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": 400,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n": 400,
            b"POST / HTTP/1.1\r\nHost:\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
            b"GET / HTTP/2.0\r\n\r\n": 505,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 400,
            b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n": 400,
            b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b\r\n\r\n": 400,
            b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded: b\r\n\r\n": 400,
            b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n": 400,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
        }
        for request, status in requests.items():
            with self.subTest(request=request):
                (answer,) = await exchange(request + BODY)
                assert (answer.status, answer.headers["connection"]) == (status, "close")

    async def test_pending_answers_come_before_the_refusal(self) -> None:
        ask = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
        answers = await exchange(ask + b"1" + ask + b"2" + b"nonsense\r\n\r\n" + BODY)
        assert [received(each)[2] for each in answers[:2]] == ["1", "2"]
        assert [each.status for each in answers[2:]] == [400]

    async def test_a_handshake_after_a_pending_request_is_refused_after_its_answer(self) -> None:
        first, second = await exchange(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + HANDSHAKE + b"\r\n")
        assert (first.status, second.status, second.headers["connection"]) == (200, 400, "close")

    async def test_a_request_whose_body_breaks_while_another_is_pending_is_refused_last(self) -> None:
        slow = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
        broken = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense"
        answers = await exchange(slow + slow.replace(b"slow", b"a") + broken)
        assert [each.status for each in answers] == [200, 200, 400]

    async def test_nothing_is_read_after_a_request_that_ends_the_connection(self) -> None:
        (answer,) = await exchange(LAST + BODY)
        assert received(answer)[1] == "/last"

    async def test_spaces_around_the_value_of_a_header_do_not_belong_to_it(self) -> None:
        async def echo_id(scope: Scope, _receive: Receive, send: Send) -> None:
            body = dict(scope["headers"])[b"x-request-id"]
            length = (b"content-length", b"%d" % len(body))
            await send({"type": WHOLE, "status": 200, "headers": [length], "body": body})

        head = LAST.replace(b"\r\n\r\n", b"\r\nX-Request-ID: \t call 1 \t\r\n\r\n")
        (answer,) = answers_in(await raw_exchange(head, app=echo_id))
        assert answer.body == b"call 1"

    async def test_a_trailer_is_not_taken_for_a_header(self) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        (answer,) = await exchange(head + b"1\r\na\r\n0\r\n", b"Authorization: secret\r\n\r\n")
        assert json.loads(answer.body)[3] == ["host", "transfer-encoding", "connection"]

    async def test_a_body_that_the_application_does_not_read_ends_the_connection_after_the_answer(self) -> None:
        head = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
        (answer,) = await exchange(head, BODY)
        assert received(answer)[1] == "/unread"


def with_hosts(*lines: bytes, version: bytes = b"1.1", first: bytes = b"GET /a") -> bytes:
    """Return a request that has these header lines and no others."""
    return b"%b HTTP/%b\r\n%b\r\n" % (first, version, b"".join(b"%b\r\n" % line for line in lines))


class Hosts(SimpleTestCase):
    """A request names its host exactly once (RFC 9112, 3.2)."""

    async def test_a_request_without_a_host_or_with_two_is_refused_and_later_bytes_are_not_read(self) -> None:
        refused = [
            with_hosts(),
            with_hosts(b"X-Forwarded-Host: x"),
            with_hosts(b"Host: x", b"Host: y"),
            with_hosts(b"Host: x", b"hOST: x"),
            with_hosts(b"Host:", b"Host: x"),
            with_hosts(b"Host: x", b"Host: x", version=b"1.0"),
            with_hosts(first=b"OPTIONS *"),
            with_hosts(first=b"GET http://x/a"),
            with_hosts(b"Connection: Upgrade", b"Upgrade: h2c"),
            with_hosts(b"Content-Length: %d" % len(BODY), first=b"POST /a"),
            HANDSHAKE.replace(b"Host: x\r\n", b"") + b"\r\n",
            HANDSHAKE + b"Host: y\r\n\r\n",
        ]
        for request in refused:
            with self.subTest(request=request):
                (answer,) = await exchange(request + BODY)
                assert (answer.status, answer.headers["connection"]) == (400, "close")

    async def test_a_host_that_is_neither_a_name_nor_an_address_is_refused(self) -> None:
        hosts = [b"a b", b"a,b", b"a, b", b"http://x", b"x/", b"u@x", b"x:port", b"x:1:2", b"x:-1", b"::1", b"]"]
        hosts += [b"[::1", b"[1.2.3.4]", b"[:::1]", b"[zz::1]", b"[fe80::1%a b]", b"[::1]x", b"%zz", b"x%", b"\xc3\xa9"]
        hosts += [b"<x>", b'"x"', b"x?y", b"x#y", b"x\\y", b"[" + b":" * 60_000, b"x" * 60_000 + b"/"]
        for host in hosts:
            for version in (b"1.1", b"1.0"):
                with self.subTest(host=host[:20], version=version):
                    (answer,) = await exchange(with_hosts(b"Host: " + host, version=version) + BODY)
                    assert (answer.status, answer.headers["connection"]) == (400, "close")

    async def test_every_valid_form_of_a_host_is_accepted(self) -> None:
        hosts = [b"", b"x", b"pos.example.com", b"POS.example.com.:8000", b"portal_web:8000", b"10.0.0.7:8000"]
        hosts += [b"x:", b":80", b"[::1]", b"[2001:db8::1]:443", b"[::ffff:10.0.0.7]:80", b"[fe80::1%25eth0]"]
        hosts += [b"xn--bcher-kva.example", b"a%20b", b"  x\t "]
        for host in hosts:
            with self.subTest(host=host):
                (answer,) = await exchange(with_hosts(b"Host: " + host, b"Connection: close"))
                assert received(answer)[:2] == ["GET", "/a"]

    async def test_http_1_0_needs_no_host(self) -> None:
        (answer,) = await exchange(with_hosts(version=b"1.0"))
        assert received(answer) == ["GET", "/a", ""]

    async def test_the_host_of_one_request_does_not_count_for_the_next(self) -> None:
        first, second = await exchange(with_hosts(b"Host: x") + with_hosts() + BODY)
        assert (first.status, second.status) == (200, 400)
