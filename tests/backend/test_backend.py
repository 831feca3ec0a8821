"""The backend's calls: who may ask, what goes to the POS, what comes back, and what is said when nothing does."""

import asyncio
import contextlib
import json
import threading
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from integrations.backend import problems, routing
from integrations.models import ApiKeySecret, Request, StrayFrame
from integrations.models.request import RequestState
from integrations.pos.limits import allowance
from integrations.relay import runtime
from integrations.relay.delivery import transient_requests
from integrations.services import wake
from integrations.services.integration.enabling import disable
from integrations.services.requests import ending, results
from integrations.services.requests.request_types import NewRequest, NotStored, Result, TooLate
from integrations.services.rows.threads import Joined, writers
from tests.support.asgi_client import Answer, request
from tests.support.backend_client import API, Backend, Pos, know, make_outlet, organisation
from tests.support.factories import ANNA
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import LIMIT, InProcess, in_main, recorded, until


def kind_of(answer: Answer) -> str:
    """Return the last part of a problem's type."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    return str(problem["type"].removeprefix("urn:order-n-pay:problem:"))


async def row_of(answer: Answer) -> Request:
    return await in_main(Request.objects.get, uuid=answer.json()["id"])


async def look() -> None:
    """Do what the watcher does every second."""
    await (await runtime.running()).dispatcher.look()


@contextlib.asynccontextmanager
async def busy_writers() -> AsyncIterator[None]:
    """Keep all threads busy that write for callers."""
    over = threading.Event()
    waiting = [asyncio.ensure_future(writers.run(over.wait, LIMIT)) for _ in range(8)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*waiting)


class Heads(InProcess):
    async def test_head_answers_like_get_without_a_body(self) -> None:
        backend, outlet = await Backend.make(), await make_outlet()
        known = f"/outlets/{outlet.handover.provider_outlet_id}"
        for path in ("/outlets", known, "/outlets/unknown", "/requests", f"/requests/{uuid.uuid4()}", "/message-types"):
            got, head = [await request(name, f"{API}{path}", headers=backend._headers) for name in ("GET", "HEAD")]
            assert (head.status, head.body) == (got.status, b""), path
            assert head.headers["content-length"] == got.headers["content-length"], path
            assert head.headers["content-type"] == got.headers["content-type"], path
        sending = await request("HEAD", f"{API}{known}/requests", headers=backend._headers)
        assert (sending.status, sending.headers["allow"]) == (405, "POST")
        assert (await request("PUT", f"{API}/outlets", headers=backend._headers)).headers["allow"] == "GET, HEAD"
        assert (await request("HEAD", f"{API}/outlets")).status == 401


class TheDoor(InProcess):
    async def test_a_call_without_a_key_is_told_how(self) -> None:
        answer = await request("GET", f"{API}/outlets")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert kind_of(answer) == "invalid-api-key"

    async def test_a_mistyped_key_is_told_so(self) -> None:
        key = (await Backend.make()).key
        wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
        answer = await Backend(wrong).get("outlets")
        assert answer.status == 401
        assert "mistyped" in answer.json()["detail"]

    async def test_a_key_in_small_letters_opens(self) -> None:
        backend = await Backend.make()
        assert (await Backend(backend.key.lower()).get("outlets")).status == 200

    async def test_a_key_of_another_make_or_of_nobody_is_refused(self) -> None:
        for key in ("letmein", "ONPS-B14E4-1S386-1A5ZJ-T66X2-B0004-ZCMMK-HT46K", "\xff", "ONPK", ""):
            assert (await Backend(key).get("outlets")).status == 401

    async def test_a_retired_and_an_expired_key_are_refused(self) -> None:
        changes: dict[str, dict[str, Any]] = {
            "retired": {"is_current": False, "retired_at": timezone.now()},
            "expired": {"expires_at": timezone.now()},
        }
        for name, change in changes.items():
            backend = await Backend.make(name)
            assert (await backend.get("outlets")).status == 200
            newest = await in_main(ApiKeySecret.objects.latest, "pk")
            await in_main(ApiKeySecret.objects.filter(pk=newest.pk).update, **change)
            assert (await backend.get("outlets")).status == 401

    async def test_the_last_use_is_recorded_in_the_next_batch(self) -> None:
        await (await Backend.make()).get("outlets")
        await recorded()
        assert (await in_main(ApiKeySecret.objects.get)).last_used_at is not None

    async def test_a_key_kept_under_an_older_server_key_opens_and_is_kept_anew(self) -> None:
        with override_settings(CREDENTIAL_KEY="the old one"):
            backend = await Backend.make()
        assert (await backend.get("outlets")).status == 401
        with override_settings(CREDENTIAL_KEY="the new one", CREDENTIAL_KEY_FALLBACKS=["the old one"]):
            assert (await backend.get("outlets")).status == 200
            await recorded()
        with override_settings(CREDENTIAL_KEY="the new one"):
            assert (await backend.get("outlets")).status == 200

    async def test_a_read_only_key_reads_and_sends_nothing(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(is_read_only=True)
        assert (await backend.get("outlets")).status == 200
        for answer in (await backend.ask(outlet), await backend.post(f"requests/{uuid.uuid4()}/cancel")):
            assert (answer.status, kind_of(answer)) == (403, "read-only-api-key")

    async def test_another_organisations_outlet_does_not_exist_for_a_key(self) -> None:
        outlet = await make_outlet()
        all_seeing = await Backend.make()
        stranger = await Backend.make("stranger", organisation=await in_main(organisation, "Other"))
        sent = await all_seeing.ask(outlet, mode="async", expires_in=60)
        path = f"outlets/{outlet.handover.provider_outlet_id}"
        assert (await stranger.get("outlets")).json()["results"] == []
        assert kind_of(await stranger.get(path)) == "unknown-outlet"
        assert kind_of(await stranger.ask(outlet)) == "unknown-outlet"
        assert kind_of(await stranger.get(f"requests?outlet={outlet.handover.provider_outlet_id}")) == "unknown-outlet"
        assert kind_of(await stranger.get(f"requests/{sent.json()['id']}")) == "unknown-request"
        assert kind_of(await stranger.post(f"requests/{sent.json()['id']}/cancel")) == "unknown-request"
        assert (await stranger.get("requests")).json()["results"] == []
        assert (await all_seeing.get(path)).status == 200

    async def test_an_address_or_a_method_that_is_not_there_is_a_problem_too(self) -> None:
        backend = await Backend.make()
        assert kind_of(await backend.get("nothing")) == "not-found"
        assert kind_of(await backend.get("outlets/no%00thing")) == "unknown-outlet"
        assert kind_of(await backend.get("outlets/no\x00thing")) == "unknown-outlet"
        assert kind_of(await backend.post("outlets")) == "method-not-allowed"

    async def test_a_portal_that_drains_sends_nothing_more(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        (await runtime.running()).is_draining = True
        answer = await backend.ask(outlet)
        assert (answer.status, kind_of(answer)) == (503, "restarting")
        assert int(answer.headers["retry-after"]) > 0


class Outlets(InProcess):
    async def test_outlets_are_listed_page_by_page(self) -> None:
        backend = await Backend.make()
        for number in range(5):
            await make_outlet(f"Outlet {number}")
        seen = []
        link = "outlets?limit=2"
        while link:
            page = (await backend.get(link)).json()
            assert len(page["results"]) <= 2
            seen += [row["name"] for row in page["results"]]
            link = page["next"] and page["next"].removeprefix(f"{API}/")
        assert seen == [f"Outlet {number}" for number in range(5)]

    async def test_an_outlet_says_how_its_pos_stands(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(make_bare_outlet, "Harbour")
        async with await Pos.of(outlet) as pos:
            await recorded()
            online = (await backend.get("outlets?online=true&organisation=Trattoria%20Bella")).json()["results"]
            offline = (await backend.get("outlets?online=false")).json()["results"]
            await pos.hang_up()
        await recorded()
        assert [(row["name"], row["integration"], row["online"]) for row in online] == [("Station", "enabled", True)]
        assert [(row["name"], row["integration"], row["since"]) for row in offline] == [
            ("Harbour", "not_enabled", None)
        ]
        gone = (await backend.get(f"outlets/{outlet.handover.provider_outlet_id}")).json()
        assert gone["online"] is False
        assert gone["last_seen"] == gone["since"] is not None

    async def test_a_misspelled_filter_is_refused_and_not_ignored(self) -> None:
        backend = await Backend.make()
        for query in ("onlin=true", "online=yes", "limit=0", "limit=9999", "cursor=%21", "limit=1&limit=2", "cursor="):
            answer = await backend.get(f"outlets?{query}")
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), query
        for query in (
            "state=lost",
            "since=yesterday",
            "since=2026-01-01T00:00:00",
            "since=0001-01-01T00:00:00%2B14:00",
        ):
            assert (await backend.get(f"requests?{query}")).status == 422, query


class OneRequest(InProcess):
    async def test_the_pos_gets_the_documented_envelope_and_its_answer_comes_back(self) -> None:
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

    async def test_a_payload_goes_through_as_it_was_spelled(self) -> None:
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

    async def test_an_async_request_says_where_to_look(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, mode="async")
            assert answer.status == 202
            pos.answers(await pos.next_frame())
            path = answer.headers["location"].removeprefix(f"{API}/")
            row = await row_of(answer)
            await _until_state(row, RequestState.ANSWERED)
            assert (await backend.get(path)).json()["state"] == "answered"

    async def test_an_offline_pos_is_told_at_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for durable in (True, False):
            answer = await backend.ask(outlet, durable=durable)
            assert (answer.status, kind_of(answer)) == (503, "pos-offline")
            assert int(answer.headers["retry-after"]) > 0
        assert await in_main(Request.objects.count) == 0

    async def test_a_mute_pos_costs_the_timeout_and_the_request_goes_on(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "no-answer-yet")
            pos.answers(await pos.next_frame(), '{"late": 1}')
            await _until_state(await row_of(answer), RequestState.ANSWERED)
            found = await backend.get(answer.headers["location"].removeprefix(f"{API}/"))
        assert found.json()["answer"] == {"late": 1}

    async def test_a_database_that_is_away_for_a_moment_ends_no_wait(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        look, looks = results.results, 0

        def away_at_first(pks: Sequence[int]) -> dict[int, Result]:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise OperationalError("the database is away")
            return look(pks)

        async with await Pos.of(outlet) as pos:
            first = asyncio.create_task(backend.ask(outlet, request_id="once"))
            frame = await pos.next_frame()
            (await runtime.running()).dispatcher._waiters._results = Joined(away_at_first)
            again = asyncio.create_task(backend.ask(outlet, request_id="once"))
            await until(lambda: looks >= 1)  # the watcher may look as well
            pos.answers(frame, "{}")
            for answer in await asyncio.gather(first, again):
                assert (answer.status, answer.json()["outcome"]) == (200, "answered")

    async def test_who_has_stored_a_request_is_told_its_end_without_a_look(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()

        def away(_pks: Sequence[int]) -> dict[int, Result]:
            raise OperationalError("the database is away")

        async with await Pos.of(outlet) as pos:
            running = await runtime.running()
            running.dispatcher._waiters._results = Joined(away)
            waiting = asyncio.create_task(backend.ask(outlet))
            pos.answers(await pos.next_frame(), "{}")
            answer = await waiting
        assert (answer.status, answer.json()["outcome"]) == (200, "answered")
        await until(lambda: not running.dispatcher.is_waited_for)

    async def test_a_disabled_or_never_enabled_outlet_is_a_conflict(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(disable, outlet.integration, reason="test", actor=ANNA)
        bare = await in_main(make_bare_outlet, "Harbour")
        for outlet_id in (outlet.handover.provider_outlet_id, bare.provider_outlet_id):
            body = '{"message_type": 1, "payload": {}, "device_id": "d"}'
            assert kind_of(await backend.post(f"outlets/{outlet_id}/requests", body)) == "integration-disabled"

    async def test_wrong_input_is_named_field_by_field(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        wrong: list[tuple[str, Any]] = [
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
        for field, value in wrong:
            answer = await backend.ask(outlet, **{field: value})
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), (field, value)
            assert answer.json()["errors"][0]["field"] == field
        for body in ("", "[]", "{", "null", '{"payload": {}}', b"\xff", "[" * 100_000, '{"a": NaN}'):
            answer = await backend.post(f"outlets/{outlet.handover.provider_outlet_id}/requests", body)
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), body[:20]
        assert (await backend.ask(outlet, "[]")).status == 422

    async def test_each_call_is_logged_with_its_status_and_how_long_it_took(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(routing.logger, "info") as info:
            await backend.get(f"outlets/{outlet.handover.provider_outlet_id}?secret=1")
        logged = info.call_args.kwargs["extra"]
        assert logged | {"milliseconds": 0} == {
            "method": "GET",
            "path": f"{API}/outlets/{outlet.handover.provider_outlet_id}",
            "status": 422,
            "milliseconds": 0,
        }
        assert 0 < logged["milliseconds"] < LIMIT * 1000

    async def test_the_least_and_the_greatest_of_each_field_are_accepted(self) -> None:
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
        assert (answer.status, kind_of(answer)) == (413, "too-large")

    async def test_a_named_type_is_sent_under_its_number(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(know, "UpdateOrder", 12)
        await in_main(know, "CreateOrder", None)
        async with await Pos.of(outlet) as pos:
            await backend.ask(outlet, message_type="UpdateOrder", mode="async")
            assert (await pos.next_frame())["MessageType"] == 12
        assert "no number yet" in (await backend.ask(outlet, message_type="CreateOrder")).json()["detail"]

    async def test_a_payload_is_checked_when_that_is_asked_for(self) -> None:
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
    async def test_fifty_callers_at_once_make_one_row_one_frame_and_get_one_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, request_id="once")) for _ in range(50)]
            frame = await pos.next_frame()
            await until(lambda: _waiting_calls() == 50)
            pos.answers(frame, '{"n": 1}')
            answers = await asyncio.gather(*asking)
            assert not pos.has_more()
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert await in_main(Request.objects.count) == 1

    async def test_sent_again_later_it_returns_what_the_first_became(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r"))
            pos.answers(await pos.next_frame(), '{"n": 1}')
            first = await asking
        for durable in (True, False):  # the POS is offline by now
            again = await backend.ask(outlet, request_id="r", durable=durable)
            assert again.body == first.body

    async def test_another_content_is_a_conflict(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        assert (await backend.ask(outlet, request_id="r", mode="async", expires_in=60)).status == 202
        for changes in ({"message_type": 2}, {"device_id": "x"}, {"user_identifier": "x"}, {"payload": '{"a": 1}'}):
            for durable in (True, False):
                answer = await backend.ask(outlet, **({"request_id": "r", "durable": durable} | changes))
                assert (answer.status, kind_of(answer)) == (409, "request-id-reused")

    async def test_two_contents_at_the_same_moment_make_one_request_and_one_conflict(self) -> None:
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


def _waiting_calls() -> int:
    running = runtime.current()
    assert running is not None
    return sum(len(futures) for futures in running.dispatcher._waiters._waiting.values())


class TheQueue(InProcess):
    async def test_what_waits_leaves_in_order_the_moment_the_pos_connects(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for number in range(30):
            answer = await backend.ask(outlet, f'{{"n": {number}}}', mode="async", expires_in=60)
            assert answer.status == 202
        seen = []
        async with await Pos.of(outlet) as pos:
            for _ in range(30):
                frame = await pos.next_frame()
                seen.append(frame["Payload"]["n"])
                pos.answers(frame)
        assert seen == list(range(30))

    async def test_no_more_than_the_window_is_in_flight_and_the_order_holds(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, f'{{"n": {number}}}')) for number in range(40)]
            frames = [await pos.next_frame() for _ in range(8)]
            await until(lambda: _waiting_calls() == 40)
            assert not pos.has_more()
            seen = [frame["Payload"]["n"] for frame in frames]
            while frames:
                pos.answers(frames.pop(0))
                if len(seen) < 40:
                    frames.append(await pos.next_frame())
                    seen.append(frames[-1]["Payload"]["n"])
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
        assert seen == list(range(40))

    async def test_three_hundred_waiting_requests_leave_once_each_and_in_order(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await asyncio.gather(
            *(backend.ask(outlet, f'{{"n": {n}}}', mode="async", expires_in=600) for n in range(300)),
        )
        seen = []
        async with await Pos.of(outlet) as pos:
            for _ in range(300):
                frame = await pos.next_frame()
                seen.append(frame["RequestID"])
                pos.answers(frame)
            stored = await in_main(lambda: list(Request.objects.order_by("pk").values_list("request_id", flat=True)))
        assert seen == stored

    async def test_a_full_queue_is_told_with_429(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with override_settings(REQUESTS_QUEUED_PER_OUTLET=3):
            answers = [await backend.ask(outlet, mode="async", expires_in=60) for _ in range(4)]
        assert [answer.status for answer in answers] == [202, 202, 202, 429]
        assert kind_of(answers[-1]) == "queue-full"

    async def test_a_mute_outlet_slows_no_other(self) -> None:
        mute, quick, backend = await make_outlet("Mute"), await make_outlet("Quick"), await Backend.make()
        async with await Pos.of(mute), await Pos.of(quick) as pos:
            for _ in range(20):
                await backend.ask(mute, mode="async")
            asking = asyncio.ensure_future(backend.ask(quick))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_answers_that_were_asked_for_are_no_flood(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):  # ten at once
            async with await Pos.of(outlet) as pos:
                for _ in range(30):
                    asking = asyncio.ensure_future(backend.ask(outlet))
                    pos.answers(await pos.next_frame())
                    assert (await asking).status == 200

    async def test_after_a_lost_link_it_goes_out_again_with_the_same_id(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, f'{{"n": {n}}}')) for n in range(12)]
            first = [await pos.next_frame() for _ in range(8)]
            pos.answers(first[0])
            first.append(await pos.next_frame())
            await pos.hang_up(1006)
        async with await Pos.of(outlet) as pos:
            others = [await pos.next_frame() for _ in range(3)]
            assert not set(map(str, others)) & set(map(str, first))
            for frame in others:
                pos.answers(frame)
            for sent_before in first[1:]:
                assert await pos.next_frame() == sent_before
                assert not pos.has_more()
                pos.answers(sent_before)
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
        assert set(await in_main(lambda: set(Request.objects.values_list("times_sent", flat=True)))) == {1, 2}

    async def test_a_newer_connection_gets_what_the_older_one_did_not_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as older:
            asking = asyncio.ensure_future(backend.ask(outlet))
            frame = await older.next_frame()
            async with await Pos.of(outlet) as newer:
                assert await newer.next_frame() == frame
                newer.answers(frame)
                assert (await asking).status == 200
                assert not newer.has_more()

    async def test_what_was_stored_as_sent_just_when_the_connection_changed_is_found(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, mode="async")
            frame = await pos.next_frame()
            running = await runtime.running()
            live = running.registry.find(outlet.integration.pk)
            assert live is not None
            assert live.lane is not None
            live.lane.take_answer(frame["RequestID"])  # as if another connection had sent it
            live.lane.forget((await row_of(answer)).pk)
            await look()
            assert not pos.has_more()
            await in_main(Request.objects.update, sent_at=timezone.now() - timedelta(seconds=10))
            await look()
            assert await pos.next_frame() == frame

    async def test_a_request_that_waits_can_be_cancelled_and_one_that_left_cannot(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = asyncio.ensure_future(backend.ask(outlet, expires_in=60))
        await until(lambda: runtime.current() is not None and _waiting_calls() == 1)
        row = await in_main(Request.objects.get)
        for _ in range(2):
            cancelled = await backend.post(f"requests/{row.uuid}/cancel")
            assert (cancelled.status, cancelled.json()["state"]) == (200, "cancelled")
        waiting = await asking
        assert (waiting.status, kind_of(waiting)) == (409, "request-cancelled")
        async with await Pos.of(outlet) as pos:
            sent = await backend.ask(outlet, mode="async")
            await pos.next_frame()
            answer = await backend.post(f"requests/{sent.json()['id']}/cancel")
            assert (answer.status, kind_of(answer), answer.json()["state"]) == (409, "not-cancellable", "sent")
            assert not pos.has_more()

    async def test_a_cancelled_request_never_leaves_though_it_was_loaded(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            sent = [await backend.ask(outlet, f'{{"n": {n}}}', mode="async") for n in range(10)]
            frames = [await pos.next_frame() for _ in range(8)]
            assert (await backend.post(f"requests/{sent[8].json()['id']}/cancel")).status == 200
            pos.answers(frames[0])
            assert (await pos.next_frame())["Payload"] == {"n": 9}

    async def test_what_is_not_sent_or_answered_in_time_expires(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = asyncio.ensure_future(backend.ask(outlet, expires_in=60))
        await until(lambda: runtime.current() is not None and _waiting_calls() == 1)
        await in_main(Request.objects.update, send_before=timezone.now())
        await look()
        answer = await asking
        assert (answer.status, kind_of(answer)) == (504, "request-expired")
        async with await Pos.of(outlet) as pos:
            sent = await backend.ask(outlet, mode="async")
            frame = await pos.next_frame()
            await in_main(Request.objects.filter(state=RequestState.SENT).update, answer_before=timezone.now())
            await look()
            pos.answers(frame)
            row = await row_of(sent)
            assert row.state == RequestState.EXPIRED
            assert not pos.has_more()
            # what came too late is answered by nobody, and harms nothing
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_an_answer_in_another_spelling_is_an_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            for number, spelled in enumerate(
                (
                    '\ufeff{"RequestID": "Order-%s", "ResultCode": 0}',
                    '{"RequestID": "ORDER-%s", "ResultCode": "0"}\0\0',
                    '{"requestId": "order-%s", "resultCode": 0.0}',
                    '{"RequestID": " Order-%s\u200b", "ResultCode": 0}',
                )
            ):
                for durable in ("true", "false"):
                    name = f"{number}-{durable}"
                    asking = asyncio.ensure_future(
                        backend.ask(outlet, request_id=f"Order-{name}", durable=durable == "true")
                    )
                    await pos.next_frame()
                    pos.say(spelled % name) if durable == "true" else pos.say_bytes((spelled % name).encode())
                    answer = await asking
                    assert (answer.status, answer.json()["outcome"]) == (200, "answered")
        await recorded()
        assert not await StrayFrame.objects.aexists()

    async def test_a_request_id_in_another_letter_case_is_nobodys_while_two_are_alike(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, request_id=name)) for name in ("same", "Same")]
            frames = [await pos.next_frame() for _ in asking]
            pos.say('{"RequestID": "SAME", "ResultCode": 4}')
            for frame in frames:
                pos.answers(frame)
            assert [(await each).json()["outcome"] for each in asking] == ["answered", "answered"]

    async def test_an_answer_that_cannot_be_read_ends_its_request_with_the_reason(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            for durable in (True, False):
                for number, content in enumerate(
                    (
                        b'{"RequestID": "%s", "ResultCode": null}',
                        b'{"RequestID": "%s", "ResultCode": 0, "ErrorMessage": "Caf\xe9"}',
                        b'{"RequestID": "%s", "ResultCode": 0, "Payload": {"Order": ',
                    )
                ):
                    name = f"{durable}-{number}"
                    asking = asyncio.ensure_future(backend.ask(outlet, request_id=name, durable=durable))
                    await pos.next_frame()
                    pos.say_bytes(content % name.encode())
                    answer = await asking
                    assert (answer.status, answer.json()["type"].split(":")[-1]) == (502, "request-failed")
                    assert answer.json()["detail"].startswith("The POS's answer could not be read: ")
                    await recorded()
                    row = await Request.objects.aget(request_id=name)
                    assert (row.state, row.failure) == (RequestState.FAILED, answer.json()["detail"])

    async def test_double_unknown_and_malformed_answers_harm_nothing(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r"))
            frame = await pos.next_frame()
            for text in (
                '{"RequestID": "nobody", "ResultCode": "none"}',
                '{"RequestID": "nobody", "ResultCode": 0}',
                "[]",
                "{",
            ):
                pos.say(text)
            pos.say('{"requestid": "r", "RESULTCODE": 0, "payload": {"n": 1}}')
            pos.answers(frame, '{"n": 2}')
            answer = await asking
            assert answer.json()["payload"] == {"n": 1}
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_a_caller_that_goes_away_loses_nothing(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            async with backend.begin(outlet, request_id="r") as call:
                frame = await pos.next_frame()
                await until(lambda: _waiting_calls() == 1)
                call.send({"type": "http.disconnect"})
                await call.ended()
            assert _waiting_calls() == 0
            pos.answers(frame, '{"n": 1}')
            assert (await backend.ask(outlet, request_id="r")).json()["payload"] == {"n": 1}


class APoll(InProcess):
    async def test_a_poll_is_on_disk_only_after_it_has_ended(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, durable=False))
            frame = await pos.next_frame()
            assert await in_main(Request.objects.count) == 0
            pos.answers(frame, '{"n": 1.50}')
            answer = await asking
        assert answer.body.endswith(b'{"n": 1.50}}')
        await recorded()
        row = await row_of(answer)
        assert (row.state, row.is_durable, row.answer) == (RequestState.ANSWERED, False, '{"n": 1.50}')

    async def test_polls_keep_to_the_window_too(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False)) for _ in range(20)]
            frames = [await pos.next_frame() for _ in range(8)]
            assert not pos.has_more()
            for _ in range(12):
                pos.answers(frames.pop(0))
                frames.append(await pos.next_frame())
            for frame in frames:
                pos.answers(frame)
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}

    async def test_the_same_poll_at_the_same_time_is_one_frame(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p")) for _ in range(10)]
            pos.answers(await pos.next_frame())
            assert len({answer.body for answer in await asyncio.gather(*asking)}) == 1
            assert not pos.has_more()

    async def test_one_that_joins_another_waits_no_longer_than_its_own_timeout(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            patient = asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p", timeout=60))
            frame = await pos.next_frame()
            answer = await backend.ask(outlet, durable=False, request_id="p", timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "no-answer-yet")
            pos.answers(frame)
            assert (await patient).status == 200

    async def test_a_poll_has_one_try(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, durable=False))
            await pos.next_frame()
            await pos.hang_up(1006)
            answer = await asking
        assert (answer.status, kind_of(answer)) == (503, "link-lost")
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, durable=False, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "request-expired")
            await pos.next_frame()
            await look()
            assert not pos.has_more()
        await recorded()
        states = await in_main(lambda: set(Request.objects.values_list("state", flat=True)))
        assert states == {RequestState.FAILED, RequestState.EXPIRED}

    async def test_a_poll_with_a_new_request_id_waits_for_no_writer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            async with busy_writers():
                asking = asyncio.ensure_future(backend.ask(outlet, durable=False, request_id="p"))
                pos.answers(await pos.next_frame())
                assert (await asking).status == 200
                await recorded()
                answer = await backend.ask(outlet, durable=False, request_id="p", timeout=1)
                assert (answer.status, kind_of(answer)) == (503, "database-away"), "an unequal content is counted"
            assert (await backend.ask(outlet, durable=False, request_id="p")).status == 200
            assert not pos.has_more()

    async def test_a_poll_whose_time_went_before_it_could_be_asked_is_not_said_to_have_left(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()

        async def late(_new: NewRequest) -> None:
            clock.shift(5)

        async with await Pos.of(outlet) as pos:
            looking = mock.patch.object(running.dispatcher, "find_repeated", late)
            with time_machine.travel(timezone.now()) as clock, looking:
                answer = await backend.ask(outlet, durable=False, request_id="p", timeout=4)
            assert (answer.status, kind_of(answer)) == (503, "database-away")
            assert not pos.has_more()
        await recorded()
        assert await in_main(Request.objects.count) == 0

    async def test_a_poll_that_waited_for_its_turn_until_its_time_was_over_was_not_sent(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, durable=False)) for _ in range(8)]
            frames = [await pos.next_frame() for _ in range(8)]
            answer = await backend.ask(outlet, durable=False, timeout=1)
            assert (answer.status, kind_of(answer)) == (504, "request-expired")
            for frame in frames:
                pos.answers(frame)
            assert {each.status for each in await asyncio.gather(*asking)} == {200}
            assert not pos.has_more()
        await recorded()
        row = await in_main(Request.objects.get, state=RequestState.EXPIRED)
        assert (row.times_sent, row.sent_at) == (0, None)
        assert await in_main(Request.objects.filter(times_sent=1).exclude(sent_at=None).count) == 8

    async def test_a_poll_that_the_layer_does_not_take_waits_for_no_other_process(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        layer = mock.Mock()
        layer.group_send = mock.AsyncMock(side_effect=ConnectionError)
        running.transient_requests.channel = "own"
        with (
            mock.patch.object(wake, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "TAKEN_SECONDS", 600.0),
            mock.patch.object(wake, "_quiet_until", 0.0),
        ):
            running.transient_requests._online = Joined(lambda ids: dict.fromkeys(ids, True))
            for sent in (1, 1):  # the second one is not even tried
                answer = await asyncio.wait_for(backend.ask(outlet, durable=False, timeout=60), LIMIT)
                assert (answer.status, kind_of(answer)) == (503, "link-lost")
                assert layer.group_send.await_count == sent

    async def test_while_the_layer_is_away_a_poll_for_a_pos_elsewhere_is_refused_at_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        assert running.transient_requests.channel is None
        layer = mock.Mock(group_send=mock.AsyncMock())
        with (
            mock.patch.object(wake, "get_channel_layer", return_value=layer),
            mock.patch.object(transient_requests, "get_channel_layer", return_value=layer),
        ):
            running.transient_requests._online = Joined(lambda ids: dict.fromkeys(ids, True))
            answer = await backend.ask(outlet, durable=False)
            assert (answer.status, kind_of(answer)) == (503, "pos-offline")
            assert layer.group_send.await_count == 0

    async def test_a_poll_is_neither_kept_for_later_nor_asked_for_later(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        assert (await backend.ask(outlet, durable=False, expires_in=5)).status == 422
        assert (await backend.ask(outlet, durable=False, mode="async")).status == 422


class TheDatabase(InProcess):
    async def test_while_it_is_away_nothing_is_taken_and_afterwards_all_goes_on(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            running = await runtime.running()
            dispatcher = running.dispatcher
            whole = dispatcher._submitter._store._query
            dispatcher._submitter._store._query = _away
            answer = await backend.ask(outlet, request_id="r")
            assert (answer.status, kind_of(answer)) == (503, "database-away")
            assert "retry-after" in answer.headers
            dispatcher._submitter._store._query = whole
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r"))
            frame = await pos.next_frame()
            dispatcher._endings._ends._query = _away
            pos.answers(frame, '{"n": 1}')
            await asyncio.sleep(0)
            dispatcher._endings._ends._query = ending.end
            assert (await asking).json()["payload"] == {"n": 1}


def _away(_keys: Any) -> Any:
    raise OperationalError("away")


@pytest.mark.parametrize("refusal", [each for each in NotStored.__subclasses__() if each is not TooLate], ids=str)
def test_each_reason_not_to_store_a_request_has_a_problem(refusal: type[NotStored]) -> None:
    assert 400 <= problems.answer(refusal()).status < 600
    assert problems.answer(refusal()).status != problems.FAULT.status
