"""A call's answer contains the call's id. The call's log lines and stored request contain the id and the trace."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

import pytest

from integrations.backend.base import correlation
from integrations.models import Request
from tests.support.asgi_client import Answer, request
from tests.support.backend_client import API, Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, recorded, until

HEADER = correlation.HEADER.decode()
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"


class Correlation(InProcess):
    async def test_the_callers_id_comes_back_in_the_answer(self) -> None:
        assert (await ask("order-77")).headers[HEADER] == "order-77"

    async def test_an_id_that_is_missing_or_ill_formed_is_replaced_by_a_new_one(self) -> None:
        seen = {(await ask(given)).headers[HEADER] for given in (None, "", "a b", "x" * 65, "é", "-x", SECRET)}
        assert len(seen) == 7
        assert all(len(each) == 32 and each.isalnum() for each in seen)

    async def test_problem_details_contain_the_id(self) -> None:
        answer = await request("GET", f"{API}/outlets", headers={HEADER: "order-77"})
        assert (answer.status, answer.json()["correlation_id"]) == (401, "order-77")

    async def test_the_answer_to_a_body_that_is_too_large_contains_the_id(self) -> None:
        answer = await request("POST", f"{API}/outlets/x/requests", [b"x" * 3_000_000], headers={HEADER: "order-77"})
        assert (answer.status, answer.headers[HEADER]) == (413, "order-77")

    async def test_the_log_lines_of_the_frame_and_the_answer_contain_both_ids(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with logged() as lines:
            async with await Pos.of(outlet) as pos, backend.begin(outlet, request_id="R-1") as call:
                pos.answers(await pos.next_frame())
                headers = dict((await call.next())["headers"])
        correlation_id = headers[b"x-request-id"].decode()
        assert named(lines, "Request sent to POS.") == [("R-1", correlation_id)]
        assert named(lines, "POS answered.") == [("R-1", correlation_id)]
        assert (await in_main(Request.objects.get)).correlation_id == correlation_id

    async def test_a_request_that_waited_in_the_database_is_sent_with_the_id_of_its_call(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        answer = await backend.ask(outlet, mode="async", expires_in=600, request_id="R-2")
        with logged() as lines:
            async with await Pos.of(outlet) as pos:
                await pos.next_frame()
        assert named(lines, "Request sent to POS.") == [("R-2", answer.headers[HEADER])]

    async def test_a_transient_request_has_the_id_too(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with logged() as lines:
            async with await Pos.of(outlet) as pos, backend.begin(outlet, durable=False, request_id="R-3") as call:
                pos.answers(await pos.next_frame())
                headers = dict((await call.next())["headers"])
        assert named(lines, "Request sent to POS.") == [("R-3", headers[b"x-request-id"].decode())]

    async def test_no_log_line_contains_a_payload(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with logged() as lines:
            async with await Pos.of(outlet) as pos, backend.begin(outlet, '{"CardHolder":"Ada"}') as call:
                pos.answers(await pos.next_frame(), '{"Guest":"Bob"}')
                await call.next()
                await until(lambda: named(lines, "API call answered."))
        assert not [line for line in lines if "Ada" in str(vars(line)) or "Bob" in str(vars(line))]


class Tracing(InProcess):
    async def test_the_log_lines_and_the_row_of_a_request_contain_the_traceparent_of_its_call(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for is_durable in (True, False):
            call = backend.begin(outlet, headers={"traceparent": TRACE}, durable=is_durable, request_id=str(is_durable))
            with logged() as lines:
                async with await Pos.of(outlet) as pos, call:
                    pos.answers(await pos.next_frame())
                    await call.next()
            assert traced(lines, "Request sent to POS.") == [TRACE]
            assert traced(lines, "POS answered.") == [TRACE]
        await recorded()
        kept = await in_main(lambda: list(Request.objects.values_list("is_durable", "traceparent")))
        assert sorted(kept) == [(False, TRACE), (True, TRACE)]

    async def test_a_request_that_waited_in_the_database_is_sent_with_the_traceparent_of_its_call(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        body = '{"message_type": 1, "device_id": "till", "payload": {}, "mode": "async", "expires_in": 600}'
        path = f"outlets/{outlet.handover.provider_outlet_id}/requests"
        assert (await backend.post(path, body, traceparent=TRACE)).status == 202
        with logged() as lines:
            async with await Pos.of(outlet) as pos:
                await pos.next_frame()
        assert traced(lines, "Request sent to POS.") == [TRACE]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "order-77",
        TRACE.upper(),
        f"{TRACE} ",
        f"{TRACE}-more",
        TRACE.replace("00-", "ff-", 1),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        TRACE.replace("00-", "cc-", 1) + "more",
        TRACE.replace("4bf", "4bé"),
    ],
)
def test_an_invalid_traceparent_is_ignored(given: str) -> None:
    assert traceparent_of(given) == ""


def test_two_traceparents_are_both_ignored() -> None:
    assert traceparent_of(TRACE, TRACE) == ""


def test_a_traceparent_of_a_later_version_is_passed_on_in_the_version_that_the_portal_knows() -> None:
    assert traceparent_of(TRACE) == TRACE
    assert traceparent_of(TRACE.replace("00-", "cc-", 1) + "-more") == TRACE
    assert traceparent_of(TRACE.replace("00-", "01-", 1)) == TRACE


def traceparent_of(*given: str) -> str:
    """Return the traceparent that a call with these headers passes on."""
    context = copy_context()
    context.run(correlation.begin, {"headers": [(b"traceparent", each.encode("latin-1")) for each in given]})
    return context.run(correlation.traceparent)


async def ask(given: str | None) -> Answer:
    headers = {} if given is None else {HEADER: given}
    return await request("GET", f"{API}/nothing", headers=headers)


class _RecordingHandler(logging.Handler):
    def __init__(self, lines: list[logging.LogRecord]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record)


@contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    lines: list[logging.LogRecord] = []
    handler = _RecordingHandler(lines)
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


def named(lines: list[logging.LogRecord], message: str) -> list[tuple[str, str]]:
    found = [vars(line) for line in lines if line.getMessage() == message]
    return [(line.get("request_id", ""), line.get("correlation_id", "")) for line in found]


def traced(lines: list[logging.LogRecord], message: str) -> list[str]:
    return [vars(line).get("traceparent", "") for line in lines if line.getMessage() == message]
