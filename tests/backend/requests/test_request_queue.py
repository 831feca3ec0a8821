"""Queued requests are sent in order, and each ends exactly once."""

import asyncio
from datetime import timedelta
from unittest import mock

from django.test import override_settings
from django.utils import timezone

from integrations.models import AuditEvent, Request, UnrecognisedFrame
from integrations.models.audit import Verb
from integrations.models.request import RequestState
from integrations.pos.limits import allowance
from integrations.relay import runtime
from tests.backend.answers import kind_of, poll, row_of, waiting_calls
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, recorded, until


class TheQueue(InProcess):
    async def test_waiting_requests_are_sent_in_order_when_the_pos_connects(self) -> None:
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

    async def test_no_more_requests_than_the_window_are_in_flight_and_their_order_is_kept(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, f'{{"n": {number}}}')) for number in range(40)]
            frames = [await pos.next_frame() for _ in range(8)]
            await until(lambda: waiting_calls() == 40)
            assert not pos.has_more()
            seen = [frame["Payload"]["n"] for frame in frames]
            while frames:
                pos.answers(frames.pop(0))
                if len(seen) < 40:
                    frames.append(await pos.next_frame())
                    seen.append(frames[-1]["Payload"]["n"])
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
        assert seen == list(range(40))

    async def test_three_hundred_waiting_requests_are_sent_once_each_and_in_order(self) -> None:
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

    async def test_a_full_queue_is_refused_with_429(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with override_settings(REQUESTS_QUEUED_PER_OUTLET=3):
            answers = [await backend.ask(outlet, mode="async", expires_in=60) for _ in range(4)]
        assert [answer.status for answer in answers] == [202, 202, 202, 429]
        assert kind_of(answers[-1]) == "queue-full"

    async def test_an_unresponsive_pos_delays_no_other(self) -> None:
        unresponsive, quick, backend = (
            await make_outlet("Unresponsive"),
            await make_outlet("Quick"),
            await Backend.make(),
        )
        async with await Pos.of(unresponsive), await Pos.of(quick) as pos:
            for _ in range(20):
                await backend.ask(unresponsive, mode="async")
            asking = asyncio.ensure_future(backend.ask(quick))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_requested_answers_do_not_count_as_a_flood(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        with mock.patch.object(allowance, "FRAMES_PER_SECOND", 1):  # allows a burst of ten
            async with await Pos.of(outlet) as pos:
                for _ in range(30):
                    asking = asyncio.ensure_future(backend.ask(outlet))
                    pos.answers(await pos.next_frame())
                    assert (await asking).status == 200

    async def test_after_a_lost_link_the_request_is_sent_again_with_the_same_id(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, f'{{"n": {n}}}')) for n in range(12)]
            first = [await pos.next_frame() for _ in range(8)]
            pos.answers(first[0])
            first.append(await pos.next_frame())
            await pos.disconnect(1006)
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

    async def test_a_newer_connection_gets_the_requests_that_the_older_one_did_not_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as older:
            asking = asyncio.ensure_future(backend.ask(outlet))
            frame = await older.next_frame()
            async with await Pos.of(outlet) as newer:
                assert await newer.next_frame() == frame
                newer.answers(frame)
                assert (await asking).status == 200
                assert not newer.has_more()

    async def test_a_request_stored_as_sent_during_a_change_of_connection_is_sent_again(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            answer = await backend.ask(outlet, mode="async")
            frame = await pos.next_frame()
            running = await runtime.running()
            live = running.registry.find(outlet.integration.pk)
            assert live is not None
            assert live.lane is not None
            # This connection's lane forgets the request, as if another connection had sent it.
            live.lane.take_answer(frame["RequestID"])
            live.lane.forget((await row_of(answer)).pk)
            await poll()
            assert not pos.has_more()
            await in_main(Request.objects.update, sent_at=timezone.now() - timedelta(seconds=10))
            await poll()
            assert await pos.next_frame() == frame

    async def test_a_waiting_request_can_be_cancelled_and_a_sent_one_cannot(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = asyncio.ensure_future(backend.ask(outlet, expires_in=60))
        await until(lambda: runtime.current() is not None and waiting_calls() == 1)
        row = await in_main(Request.objects.get)
        for _ in range(2):
            cancelled = await backend.post(f"requests/{row.uuid}/cancel")
            assert (cancelled.status, cancelled.json()["state"]) == (200, "cancelled")
        event = await in_main(AuditEvent.objects.get, verb=Verb.REQUEST_CANCELLED)
        assert (event.actor_name, event.address) == ("API key: kiosk", "198.51.100.7")
        assert (event.integration_id, event.detail) == (row.integration_id, {"request_id": row.request_id})
        waiting = await asking
        assert (waiting.status, kind_of(waiting)) == (409, "request-cancelled")
        async with await Pos.of(outlet) as pos:
            sent = await backend.ask(outlet, mode="async")
            await pos.next_frame()
            answer = await backend.post(f"requests/{sent.json()['id']}/cancel")
            assert (answer.status, kind_of(answer), answer.json()["state"]) == (409, "not-cancellable", "sent")
            assert not pos.has_more()

    async def test_a_cancelled_request_is_not_sent_even_if_it_was_loaded(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            sent = [await backend.ask(outlet, f'{{"n": {n}}}', mode="async") for n in range(10)]
            frames = [await pos.next_frame() for _ in range(8)]
            assert (await backend.post(f"requests/{sent[8].json()['id']}/cancel")).status == 200
            pos.answers(frames[0])
            assert (await pos.next_frame())["Payload"] == {"n": 9}

    async def test_a_request_that_is_not_sent_or_answered_in_time_expires(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = asyncio.ensure_future(backend.ask(outlet, expires_in=60))
        await until(lambda: runtime.current() is not None and waiting_calls() == 1)
        await in_main(Request.objects.update, send_before=timezone.now())
        await poll()
        answer = await asking
        assert (answer.status, kind_of(answer)) == (504, "request-expired")
        async with await Pos.of(outlet) as pos:
            sent = await backend.ask(outlet, mode="async")
            frame = await pos.next_frame()
            await in_main(Request.objects.filter(state=RequestState.SENT).update, answer_before=timezone.now())
            await poll()
            pos.answers(frame)
            row = await row_of(sent)
            assert row.state == RequestState.EXPIRED
            assert not pos.has_more()
            # The late answer above matched no waiting call, and does not affect the next request.
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_an_answer_in_another_spelling_is_accepted(self) -> None:
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
                    pos.send_text(spelled % name) if durable == "true" else pos.send_bytes((spelled % name).encode())
                    answer = await asking
                    assert (answer.status, answer.json()["outcome"]) == (200, "answered")
        await recorded()
        assert not await UnrecognisedFrame.objects.aexists()

    async def test_an_answer_matches_no_request_if_two_request_ids_differ_from_it_in_letter_case_only(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = [asyncio.ensure_future(backend.ask(outlet, request_id=name)) for name in ("same", "Same")]
            frames = [await pos.next_frame() for _ in asking]
            pos.send_text('{"RequestID": "SAME", "ResultCode": 4}')
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
                    pos.send_bytes(content % name.encode())
                    answer = await asking
                    assert (answer.status, answer.json()["type"].split(":")[-1]) == (502, "request-failed")
                    assert answer.json()["detail"].startswith("The POS's answer could not be read: ")
                    await recorded()
                    row = await Request.objects.aget(request_id=name)
                    assert (row.state, row.failure) == (RequestState.FAILED, answer.json()["detail"])

    async def test_duplicate_unknown_and_malformed_answers_change_nothing(self) -> None:
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
                pos.send_text(text)
            pos.send_text('{"requestid": "r", "RESULTCODE": 0, "payload": {"n": 1}}')
            pos.answers(frame, '{"n": 2}')
            answer = await asking
            assert answer.json()["payload"] == {"n": 1}
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame())
            assert (await asking).status == 200

    async def test_a_request_continues_after_its_caller_disconnects(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            async with backend.begin(outlet, request_id="r") as call:
                frame = await pos.next_frame()
                await until(lambda: waiting_calls() == 1)
                call.send({"type": "http.disconnect"})
                await call.ended()
            assert waiting_calls() == 0
            pos.answers(frame, '{"n": 1}')
            assert (await backend.ask(outlet, request_id="r")).json()["payload"] == {"n": 1}
