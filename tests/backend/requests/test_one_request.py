"""The POS gets a request as one frame. The caller gets the answer, and gets it again for the same request_id."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from unittest import mock

from django.db import OperationalError

from integrations.backend import backend_http
from integrations.models import MessageType, Request
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.services.integration.enabling import disable
from integrations.services.requests import results
from integrations.services.requests.request_types import Result
from integrations.services.rows.threads import Joined
from tests.backend.answers import kind_of, row_of, waiting_calls
from tests.support.backend_client import API, Backend, Pos, know, make_outlet
from tests.support.factories import ANNA
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import LIMIT, InProcess, in_main, until

UPDATE = '{"SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1"}'

# Pairs of a field and a value that the field does not accept.
WRONG: list[tuple[str, Any]] = [
    ("message_type", -1),
    ("message_type", 2**31),
    ("message_type", 1.0),
    ("message_type", "Nonsense"),
    ("message_type", None),
    ("device_id", ""),
    ("device_id", "x" * 65),
    ("device_id", "a\x00b"),
    ("device_id", "\ud800"),
    ("user_identifier", "x" * 37),
    ("request_id", ""),
    ("request_id", "x" * 257),
    ("mode", "soon"),
    ("timeout", 0),
    ("timeout", 121),
    ("timeout", True),
    ("expires_in", 86_401),
    ("durable", "false"),
    ("validate", 1),
    ("devise_id", "x"),
]
NO_ORDERS = ("", "[]", "{", "null", '{"payload": {}}', b"\xff", "[" * 100_000, '{"a": NaN}')


class OneRequest(InProcess):
    async def test_the_pos_gets_the_documented_envelope_and_its_answer_is_returned(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, '{"PIN": "1234"}', user_identifier="77", request_id="r"))
            frame = await pos.next_frame()
            assert list(frame) == [
                "RequestID",
                "ProviderID",
                "ProviderName",
                "DeviceID",
                "UserIdentifier",
                "MessageType",
                "Payload",
            ]
            assert (frame["RequestID"], frame["UserIdentifier"], frame["Payload"]) == ("r", "77", {"PIN": "1234"})
            pos.answers(frame, '{"Amount": 5.00}')
            answer = await asking
        assert answer.status == 200
        assert answer.json()["outcome"] == "answered"
        assert answer.body.endswith(b'"payload": {"Amount": 5.00}}')

    async def test_a_payload_is_forwarded_exactly_as_it_was_spelled(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        spelled = '{ "b":1.10,"a":[1E+2,\t-0.0, 12345678901234567890.10],"\\u00e9":"\\u20ac", "a":null }'
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, spelled))
            text = (await pos.next())["text"]
            assert text.endswith(f'"Payload": {spelled}}}')
            pos.answers(json.loads(text), spelled)
            answer = await asking
        assert answer.body.decode().endswith(f'"payload": {spelled}}}')
        kept = (await backend.get(f"requests/{answer.json()['id']}")).body.decode()
        assert f'"payload": {spelled}, "answer": {spelled}}}' in kept

    async def test_a_refusal_of_the_pos_is_an_answer_too(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame(), "null", code=4, error="No user was found!\x00")
            content = (await asking).json()
        assert (content["outcome"], content["result_code"], content["payload"]) == ("refused", 4, None)
        assert content["error_message"].startswith("No user was found!")

    async def test_an_async_request_returns_the_location_of_its_outcome(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, mode="async")
            assert answer.status == 202
            pos.answers(await pos.next_frame())
            path = answer.headers["location"].removeprefix(f"{API}/")
            row = await row_of(answer)
            await _until_state(row, RequestState.ANSWERED)
            assert (await backend.get(path)).json()["state"] == "answered"

    async def test_an_offline_pos_is_reported_at_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for durable in (True, False):
            answer = await backend.ask(outlet, durable=durable)
            assert (answer.status, kind_of(answer)) == (503, "pos-offline")
            assert int(answer.headers["retry-after"]) > 0
        assert await in_main(Request.objects.count) == 0

    async def test_with_an_unresponsive_pos_the_call_times_out_and_the_request_continues(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "no-answer-yet")
            pos.answers(await pos.next_frame(), '{"late": 1}')
            await _until_state(await row_of(answer), RequestState.ANSWERED)
            found = await backend.get(answer.headers["location"].removeprefix(f"{API}/"))
        assert found.json()["answer"] == {"late": 1}

    async def test_a_short_outage_of_the_database_ends_no_wait(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        read_results, reads = results.results, 0

        def away_at_first(pks: Sequence[int]) -> dict[int, Result]:
            nonlocal reads
            reads += 1
            if reads == 1:
                raise OperationalError("the database is unavailable")
            return read_results(pks)

        async with await Pos.of(outlet) as pos:
            first = asyncio.create_task(backend.ask(outlet, request_id="once"))
            frame = await pos.next_frame()
            (await runtime.running()).dispatcher._waiters._results = Joined(away_at_first)
            again = asyncio.create_task(backend.ask(outlet, request_id="once"))
            await until(lambda: reads >= 1)  # not exactly 1, because the watcher may poll as well
            pos.answers(frame, "{}")
            for answer in await asyncio.gather(first, again):
                assert (answer.status, answer.json()["outcome"]) == (200, "answered")

    async def test_the_process_that_stored_a_request_learns_its_end_without_a_poll(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()

        def away(_pks: Sequence[int]) -> dict[int, Result]:
            raise OperationalError("the database is unavailable")

        async with await Pos.of(outlet) as pos:
            running = await runtime.running()
            running.dispatcher._waiters._results = Joined(away)
            waiting = asyncio.create_task(backend.ask(outlet))
            pos.answers(await pos.next_frame(), "{}")
            answer = await waiting
        assert (answer.status, answer.json()["outcome"]) == (200, "answered")
        await until(lambda: not running.dispatcher.is_waited_for)

    async def test_a_call_that_waits_when_the_process_stops_learns_where_to_find_its_request(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            waiting = asyncio.create_task(backend.ask(outlet, request_id="r"))
            await pos.next_frame()
            running = await runtime.running()
            running.is_draining = True
            running.dispatcher.end_waits()
            answer = await waiting
        found = answer.json()
        assert (answer.status, kind_of(answer)) == (503, "restarting")
        assert (found["request_id"], found["state"]) == ("r", RequestState.SENT)
        assert answer.headers["location"] == found["location"] == f"{API}/requests/{found['id']}"
        assert (await row_of(answer)).request_id == "r"

    async def test_a_disabled_or_never_enabled_outlet_is_a_conflict(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(disable, outlet.integration, reason="test", actor=ANNA)
        bare = await in_main(make_bare_outlet, "Harbour")
        for outlet_id in (outlet.handover.provider_outlet_id, bare.provider_outlet_id):
            body = '{"message_type": 1, "payload": {}, "device_id": "d"}'
            assert kind_of(await backend.post(f"outlets/{outlet_id}/requests", body)) == "integration-disabled"

    async def test_every_invalid_field_is_named(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for field, value in WRONG:
            answer = await backend.ask(outlet, **{field: value})
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), (field, value)
            assert answer.json()["errors"][0]["field"] == field
        for body in NO_ORDERS:
            answer = await backend.post(f"outlets/{outlet.handover.provider_outlet_id}/requests", body)
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), body[:20]
        assert (await backend.ask(outlet, "[]")).status == 422

    async def test_each_call_is_logged_with_its_status_and_how_long_it_took(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(backend_http.logger, "info") as info:
            await backend.get(f"outlets/{outlet.handover.provider_outlet_id}?secret=1")
        logged = info.call_args.kwargs["extra"]
        assert logged | {"milliseconds": 0} == {
            "method": "GET",
            "path": f"{API}/outlets/{outlet.handover.provider_outlet_id}",
            "status": 422,
            "milliseconds": 0,
        }
        assert 0 < logged["milliseconds"] < LIMIT * 1000

    async def test_the_minimum_and_the_maximum_of_each_field_are_accepted(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        accepted: list[tuple[str, Any]] = [
            ("message_type", 0),
            ("message_type", 2**31 - 1),
            ("device_id", "x"),
            ("device_id", "x" * 64),
            ("user_identifier", ""),
            ("user_identifier", "x" * 36),
            ("request_id", "x"),
            ("request_id", "x" * 256),
            ("timeout", 1),
            ("timeout", 120),
            ("expires_in", 1),
            ("expires_in", 86_400),
        ]
        for field, value in accepted:
            answer = await backend.ask(outlet, **{"mode": "async", "expires_in": 60, field: value})
            assert answer.status == 202, (field, value, answer.json())

    async def test_a_body_that_is_too_large_is_refused_unread(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        answer = await backend.ask(outlet, json.dumps({"x": "y" * 257 * 1024}))
        assert (answer.status, kind_of(answer), answer.headers["connection"]) == (413, "too-large", "close")

    async def test_a_named_type_is_sent_under_its_number(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(know, "UpdateOrder", 12)
        await in_main(know, "CreateOrder", None)
        async with await Pos.of(outlet) as pos:
            await backend.ask(outlet, UPDATE, message_type="UpdateOrder", mode="async")
            assert (await pos.next_frame())["MessageType"] == 12
        assert "no number yet" in (await backend.ask(outlet, message_type="CreateOrder")).json()["detail"]

    async def test_the_payload_of_a_type_sent_by_name_is_checked_unless_the_caller_declines(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(know, "UpdateOrder", 12)
        await in_main(MessageType.objects.create, name="PrintBill", number=77)
        async with await Pos.of(outlet) as pos:
            refused = await backend.ask(outlet, message_type="UpdateOrder")
            assert [error["field"] for error in refused.json()["errors"]] == ["payload.SalesTransactionID"]
            for options in ({"message_type": "UpdateOrder", "validate": False}, {"message_type": "PrintBill"}):
                assert (await backend.ask(outlet, mode="async", **options)).status == 202
                assert (await pos.next_frame())["Payload"] == {}

    async def test_an_answer_has_a_documented_message_type_as_the_call_gave_it_and_any_other_as_a_number(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(know, "UpdateOrder", 12)
        await in_main(MessageType.objects.create, name="PrintBill", number=77)
        async with await Pos.of(outlet) as pos:
            for given, answered in (("UpdateOrder", "UpdateOrder"), (12, 12), ("PrintBill", 77), (77, 77)):
                for durable in (True, False):
                    call = backend.ask(outlet, UPDATE, message_type=given, durable=durable)
                    asking = asyncio.ensure_future(call)
                    pos.answers(await pos.next_frame())
                    assert (await asking).json()["message_type"] == answered

    async def test_a_payload_sent_by_number_is_checked_on_demand(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(know, "UpdateOrder", 12)
        payload = '{"products": [{"productType": 0, "name": "x", "quantity": 1, "price": 1.005, "totalAmount": 1}]}'
        answer = await backend.ask(outlet, payload, message_type=12, validate=True)
        assert answer.status == 422
        fields = [error["field"] for error in answer.json()["errors"]]
        assert fields == ["payload.SalesTransactionID", "payload.Products[0].Price"]
        assert (await backend.ask(outlet, message_type=77, validate=True)).json()["errors"][0]["field"] == "validate"


async def _until_state(row: Request, state: RequestState) -> None:
    async def has_ended() -> bool:
        return (await in_main(Request.objects.get, pk=row.pk)).state == state

    for _ in range(500):
        if await has_ended():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"the request is not {state}")


class TheSameRequestId(InProcess):
    async def test_fifty_concurrent_calls_create_one_request_and_get_one_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, request_id="once")) for _ in range(50)]
            frame = await pos.next_frame()
            await until(lambda: waiting_calls() == 50)
            pos.answers(frame, '{"n": 1}')
            answers = await asyncio.gather(*asking)
            assert not pos.has_more()
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert await in_main(Request.objects.count) == 1

    async def test_a_later_repeat_returns_the_outcome_of_the_first(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r"))
            pos.answers(await pos.next_frame(), '{"n": 1}')
            first = await asking
        for durable in (True, False):  # the POS is offline by now
            again = await backend.ask(outlet, request_id="r", durable=durable)
            assert again.body == first.body

    async def test_a_repeat_with_different_content_is_a_conflict(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        assert (await backend.ask(outlet, request_id="r", mode="async", expires_in=60)).status == 202
        for changes in ({"message_type": 2}, {"device_id": "x"}, {"user_identifier": "x"}, {"payload": '{"a": 1}'}):
            for durable in (True, False):
                answer = await backend.ask(outlet, **({"request_id": "r", "durable": durable} | changes))
                assert (answer.status, kind_of(answer)) == (409, "request-id-reused")

    async def test_concurrent_calls_with_different_contents_create_one_request_and_otherwise_conflict(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = (
            backend.ask(outlet, f'{{"n": {n % 2}}}', request_id="r", mode="async", expires_in=9) for n in range(9)
        )
        statuses = sorted([answer.status for answer in await asyncio.gather(*asking)])
        assert set(statuses) == {202, 409}
        assert await in_main(Request.objects.count) == 1

    async def test_two_outlets_may_use_the_same_id(self) -> None:
        one, other, backend = await make_outlet("One"), await make_outlet("Other"), await Backend.make()
        for outlet in (one, other):
            assert (await backend.ask(outlet, request_id="r", mode="async", expires_in=60)).status == 202
        assert await in_main(Request.objects.count) == 2
