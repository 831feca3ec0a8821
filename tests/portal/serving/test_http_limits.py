"""Requests beyond a limit and unreadable requests are refused, in the format that the caller expects."""

import asyncio
import itertools
import json
from unittest import mock

import pytest
from django.test import SimpleTestCase, override_settings

from integrations.wire import limits
from tests.portal.serving.exchanges import BODY, HANDSHAKE, LAST, exchange, received, served, status_of_handshake
from tests.support.raw_http import answers_in


class Limits(SimpleTestCase):
    """A request that is too large is refused before all of it has arrived, and the connection ends."""

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
UNREADABLE = {  # the bytes that follow the path of a request, with the expected status and problem type
    b"HTTP/1.1\r\n\r\n": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": (400, "malformed-request"),
    b"HTTP/1.1\r\nHost: x\r\nY: " + b"y" * 70_000: (431, "headers-too-large"),
    b"HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": (501, "unknown-transfer-coding"),
    b"HTTP/2.0\r\nHost: x\r\n\r\n": (505, "unknown-http-version"),
    b"x\r\n\r\n": (400, "malformed-request"),
}


class Formats(SimpleTestCase):
    """An unreadable request is refused in the format that callers of its path expect; the text says what to do."""

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
