"""The end of a request and its limits: raw bytes sent to our HTTP connection in front of a small application."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest
import uvicorn
from django.test import SimpleTestCase, override_settings

from integrations.wire import limits
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.plain_http import WHOLE
from integrations.wire.request_bodies import read_body
from portal.serving.http.protocol import DrainingState, HttpProtocol
from portal.serving.server import WebsocketProtocol
from tests.support.raw_http import RawAnswer, answers_in

BODY = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
HANDSHAKE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + KEY


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the method, path and body of the request."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    body = b"" if scope["path"] == "/unread" else await read_body(scope, receive, 10 * limits.MAX_BODY)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    text = json.dumps([scope["method"], scope["path"], body.decode("latin-1"), names_of(scope)]).encode()
    headers = [(b"content-length", b"%d" % len(text))]
    if scope["path"] == "/parts":  # in two messages, as Django answers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})
    else:
        await send({"type": WHOLE, "status": 200, "headers": headers, "body": text})


def names_of(scope: Scope) -> list[str]:
    return [name.decode() for name, _ in scope["headers"]]


@asynccontextmanager
async def served(app: App = echo) -> AsyncIterator[int]:
    """Run a server of the small application and yield its port."""
    config = uvicorn.Config(app, ws=WebsocketProtocol, lifespan="off", log_config=None, timeout_keep_alive=30)
    config.load()
    state = DrainingState()

    def protocol() -> HttpProtocol:
        return HttpProtocol(config=config, server_state=state, app_state={})

    async with await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


async def exchange(*pieces: bytes) -> list[RawAnswer]:
    """Send the pieces one after the other, and return the answers until the server closes."""
    return answers_in(await raw_exchange(*pieces))


async def raw_exchange(*pieces: bytes, app: App = echo) -> bytes:
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


def received(answer: RawAnswer) -> list[Any]:
    """Return the method, path and body that the small application received."""
    assert answer.status == 200, answer
    return json.loads(answer.body)[:3]  # type: ignore[no-any-return]


class CompleteAnswers(SimpleTestCase):
    """A complete answer in one message has the same bytes as one in two messages."""

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
    """Only a websocket handshake ends HTTP on a connection."""

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


async def status_of_handshake(data: bytes) -> int:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])
        writer.close()
        return status


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

    async def test_a_trailer_is_not_taken_for_a_header(self) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        (answer,) = await exchange(head + b"1\r\na\r\n0\r\n", b"Authorization: secret\r\n\r\n")
        assert json.loads(answer.body)[3] == ["host", "transfer-encoding", "connection"]

    async def test_a_body_that_the_application_does_not_read_ends_the_connection_after_the_answer(self) -> None:
        head = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
        (answer,) = await exchange(head, BODY)
        assert received(answer)[1] == "/unread"


def with_hosts(*lines: bytes, version: bytes = b"1.1", first: bytes = b"GET /a") -> bytes:
    """Return a request with only these Host headers."""
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


class Limits(SimpleTestCase):
    """A request that is too large is refused before it has arrived, and the connection ends."""

    async def test_heads_beyond_the_limits_are_refused_and_those_at_the_limits_are_not(self) -> None:
        def head(*headers: bytes, target: bytes = b"/") -> bytes:
            return b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n" % (target, b"".join(headers))

        assert (await exchange(head(*[b"a: b\r\n"] * 98)))[0].status == 200
        assert (await exchange(head(*[b"a: b\r\n"] * 99)))[0].status == 431
        assert (await exchange(head(b"a: %b\r\n" % (b"x" * 60_000))))[0].status == 200
        assert (await exchange(head(b"a: %b\r\n" % (b"x" * 66_000))))[0].status == 431
        assert (await exchange(head(target=b"/" + b"x" * 7_990)))[0].status == 200
        assert (await exchange(head(target=b"/" + b"x" * 8_000)))[0].status == 414

    async def test_an_incomplete_head_is_refused_as_soon_as_it_is_too_large(self) -> None:
        beginnings = {
            b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"x" * 70_000: 431,
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 12_000: 431,
            b"GET /" + b"x" * 9_000: 414,
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x" * 70_000: 431,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\na: " + b"x" * 400_000: 431,
        }
        for data, status in beginnings.items():
            with self.subTest(data=data[:40]):
                answers = await exchange(data)
                assert (answers[-1].status, answers[-1].headers["connection"]) == (status, "close")

    async def test_empty_lines_before_a_request_are_skipped_up_to_a_limit(self) -> None:
        few, many = b"\r\n" * (limits.MAX_EMPTY_LINES // 2), b"\n" * (limits.MAX_EMPTY_LINES + 1)
        for pieces in ((few + LAST,), (few, LAST), (b"\r", b"\n\r", b"\n" + LAST), (b"\n" + LAST,)):
            with self.subTest(pieces=pieces):
                (answer,) = await exchange(*pieces)
                assert received(answer)[1] == "/last"
        for pieces in ((many + LAST,), (few, b"\r"), (b"\r" * limits.MAX_EMPTY_LINES, b"\n", LAST)):
            with self.subTest(pieces=pieces):
                (answer,) = await exchange(*pieces)
                assert (answer.status, answer.headers["connection"]) == (400, "close")

    async def test_a_client_that_ends_every_request_with_an_empty_line_is_served_without_limit(self) -> None:
        one = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\r\n"
        answers = await exchange(*[one] * (limits.MAX_EMPTY_LINES // 2 // 8), *[one * 8] * 8, LAST)
        assert [each.status for each in answers] == [200] * len(answers)

    async def test_empty_lines_after_a_request_are_limited_too(self) -> None:
        first, second = await exchange(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"\n" * 2000)
        assert (received(first)[1], second.status) == ("/a", 400)

    async def test_the_framing_of_a_body_is_limited(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        endless = [
            b"1;" + b"x" * 300_000,
            b"1\r\na\r\n0\r\nTrailer: " + b"x" * 300_000,
            b"1\r\na\r\n0\r\n" + b"t: t\r\n" * 50_000,
        ]
        for data in endless:
            with self.subTest(data=data[:20]):
                (answer,) = await exchange(head + data)
                assert answer.status == 400

    async def test_chunks_of_one_byte_are_read(self) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        (answer,) = await exchange(head + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
        assert received(answer) == ["POST", "/a", "a" * 100_000]

    async def test_a_handshake_beyond_the_limits_is_refused(self) -> None:
        refused = {
            HANDSHAKE + b"X: " + b"x" * 9_000 + b"\r\n\r\n": 431,
            HANDSHAKE + b"X: x\r\n" * 129 + b"\r\n": 431,
            HANDSHAKE.replace(b"GET /", b"GET /?token=" + b"x" * 9_000) + b"\r\n": 414,
            HANDSHAKE + b"Content-Length: 3\r\n\r\nabc": 400,
            HANDSHAKE + b"Content-Length: 3\r\n\r\n": 400,
            HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n": 400,
            HANDSHAKE.replace(b"Version: 13", b"Version: 12") + b"\r\n": 400,
            HANDSHAKE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"") + b"\r\n": 400,
        }
        for data, status in refused.items():
            with self.subTest(data=data[:60], status=status):
                (answer,) = await exchange(data)
                assert answer.status in (status, 426)
                assert answer.headers["connection"] == "close"

    async def test_a_handshake_with_headers_at_the_limit_is_accepted(self) -> None:
        assert await status_of_handshake(HANDSHAKE + b"X: " + b"x" * (8192 - 5) + b"\r\n\r\n") == 101
        target = HANDSHAKE.replace(b"GET /", b"GET /?token=" + b"x" * (8_000 - 8))
        assert await status_of_handshake(target + b"\r\n") == 101

    async def test_more_pipelined_requests_than_the_limit_are_refused(self) -> None:
        answers = await exchange(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 150)
        assert [each.status for each in answers] == [200] * 101 + [429]

    async def test_a_peer_that_keeps_sending_after_its_refusal_can_read_it(self) -> None:
        (answer,) = await exchange(b"nonsense\r\n\r\n", *[b"x" * 10_000] * 20)
        assert answer.status == 400


CALL, AUTH = b"/api/v1/outlets", b"/api/powerepos/v1/auth"
UNREADABLE = {  # the bytes after the request line
    b"HTTP/1.1\r\n\r\n": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nY: " + b"y" * 70_000: (431, "headers-too-large"),
    b"HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": (501, "unknown-transfer-coding"),
    b"HTTP/2.0\r\nHost: x\r\n\r\n": (505, "unknown-http-version"),
    b"x\r\n\r\n": (400, "malformed-request"),
}


class Formats(SimpleTestCase):
    """An unreadable request is refused in the format of its path, and the text says what to do."""

    async def test_a_caller_of_the_api_gets_a_problem(self) -> None:
        targets = [CALL, b"/api/v1", b"//API/v1/x", b"/%61pi/v1/outlets?a=b", b"http://x" + CALL]
        for target, (rest, (status, name)) in itertools.product(targets, UNREADABLE.items()):
            with self.subTest(target=target, rest=rest[:60]):
                (answer,) = await exchange(b"POST %b %b" % (target, rest))
                assert answer.status == status
                assert answer.headers["content-type"] == "application/problem+json"
                assert (answer.headers["connection"], answer.headers["cache-control"]) == ("close", "no-store")
                problem = json.loads(answer.body)
                assert problem["type"] == f"urn:order-n-pay:problem:{name}"
                assert problem["status"] == status
                assert problem["title"] != problem["detail"]
                assert problem["correlation_id"] == answer.headers["x-request-id"]

    async def test_a_pos_gets_an_error_message(self) -> None:
        for target, (rest, (status, _)) in itertools.product((AUTH, b"/" + AUTH.upper()), UNREADABLE.items()):
            with self.subTest(target=target, rest=rest[:60]):
                (answer,) = await exchange(b"POST %b %b" % (target, rest))
                assert answer.status == status
                assert (answer.headers["content-type"], answer.headers["connection"]) == ("application/json", "close")
                (message,) = json.loads(answer.body).values()
                assert list(json.loads(answer.body)) == ["ErrorMessage"]
                assert message.count(".") >= 2, "the text states the problem and the solution"

    @override_settings(POS_REFUSALS_AS_200=True)
    async def test_a_pos_that_reads_only_200s_gets_its_error_message_in_a_200(self) -> None:
        for rest in UNREADABLE:
            with self.subTest(rest=rest[:60]):
                (answer,) = await exchange(b"POST %b %b" % (AUTH, rest) + BODY)
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert list(json.loads(answer.body)) == ["ErrorMessage"]
        (answer,) = await exchange(b"POST %b HTTP/1.1\r\n\r\n" % CALL)
        assert answer.status == 400, "the setting applies only to the POS's endpoint"

    async def test_any_other_caller_gets_plain_text(self) -> None:
        for target, (rest, (status, _)) in itertools.product((b"/healthz", b"/admin/api/", b"*"), UNREADABLE.items()):
            with self.subTest(target=target, rest=rest[:60]):
                (answer,) = await exchange(b"OPTIONS %b %b" % (target, rest))
                assert (answer.status, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
                assert answer.body.count(b". ") >= 1, "the text states the problem and the solution"

    async def test_a_target_that_is_too_long_is_refused_in_the_format_of_its_beginning(self) -> None:
        (answer,) = await exchange(b"GET /api/v1/outlets?a=" + b"x" * 9_000)
        assert (answer.status, json.loads(answer.body)["status"]) == (414, 414)
        (answer,) = await exchange(b"POST %b?" % AUTH + b"x" * 9_000)
        assert (answer.status, list(json.loads(answer.body))) == (414, ["ErrorMessage"])

    async def test_the_format_is_not_that_of_an_earlier_request(self) -> None:
        call = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % CALL
        for garbage in (b"nonsense\r\n\r\n", b"\x16\x03\x01", b"GET /healthz HTTP/1.1\r\n\r\n"):
            with self.subTest(garbage=garbage):
                answers = await exchange(call, garbage)
                assert [each.status for each in answers] == [200, 400]
                assert answers[1].headers["content-type"].startswith("text/plain")

    async def test_the_answer_has_the_callers_correlation_id(self) -> None:
        head = b"POST %b HTTP/1.1\r\nHost: x\r\nX-Request-ID: order-77\r\nTransfer-Encoding: gzip\r\n\r\n" % CALL
        (answer,) = await exchange(head)
        assert (answer.headers["x-request-id"], json.loads(answer.body)["correlation_id"]) == ("order-77", "order-77")

    async def test_a_head_request_gets_no_body(self) -> None:
        async with served() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HEAD %b HTTP/1.1\r\n\r\n" % CALL)
            async with asyncio.timeout(10):
                received = await reader.read()
            writer.close()
        assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert received.endswith(b"\r\n\r\n")


class IncompleteRequests(SimpleTestCase):
    """Requests that remain incomplete."""

    async def test_the_oldest_incomplete_head_of_an_address_is_refused_for_a_new_one(self) -> None:
        async with served() as port:
            held = [await begin(port) for _ in range(limits.HEADS_PER_ADDRESS + 1)]
            async with asyncio.timeout(10):
                (answer,) = answers_in(await held[0][0].read())
            assert answer.status == 408
            held[1][1].write(b"\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(10):
                (answer,) = answers_in(await held[1][0].read())
            assert answer.status == 200
            for _, writer in held:
                writer.close()

    @mock.patch.object(limits, "ARRIVAL_SECONDS", 0.1)
    async def test_an_incomplete_request_is_closed_after_the_time_limit(self) -> None:
        for beginning in (
            b"",
            b"\r\n",
            b"GET",
            b"GET / HTTP/1.1\r\nHost: x\r\n",
            HANDSHAKE,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        ):
            with self.subTest(beginning=beginning):
                assert await exchange(beginning) == []

    @mock.patch.object(limits, "UNREAD_SECONDS", 0.1)
    async def test_a_peer_that_does_not_read_its_answers_is_disconnected(self) -> None:
        async with served() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2)
            body = b"x" * 900_000
            ask = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
            with pytest.raises(ConnectionError):  # noqa: PT012
                async with asyncio.timeout(10):
                    while True:
                        writer.write(ask + body)
                        await writer.drain()
            del reader


async def begin(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and send half of a head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /a HTTP/1.1\r\nHost: x")
    await writer.drain()
    await asyncio.sleep(0)
    return reader, writer
