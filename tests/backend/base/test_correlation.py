"""One id from the backend's call to the POS's frame, in the answer, the problem, the log and the row."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from integrations.backend.base import correlation
from integrations.models import Request
from tests.support.asgi_client import Answer, request
from tests.support.backend_client import API, Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, until

HEADER = correlation.HEADER.decode()
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


async def ask(given: str | None) -> Answer:
    headers = {} if given is None else {HEADER: given}
    return await request("GET", f"{API}/nothing", headers=headers)


class _Keeping(logging.Handler):
    def __init__(self, lines: list[logging.LogRecord]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record)


@contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    lines: list[logging.LogRecord] = []
    handler = _Keeping(lines)
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


def named(lines: list[logging.LogRecord], message: str) -> list[tuple[str, str]]:
    found = [vars(line) for line in lines if line.getMessage() == message]
    return [(line.get("request_id", ""), line.get("correlation_id", "")) for line in found]
