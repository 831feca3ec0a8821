"""Sending a request_id again reveals nothing that the portal hides elsewhere."""

import asyncio
import json
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError

from integrations.models import ApiKey, Organisation, Request
from integrations.relay import runtime
from integrations.relay.records import record_writer
from integrations.security import secret_digests
from integrations.services.api_keys.api_keys import rotate_api_key
from integrations.services.requests import contents
from integrations.services.requests.asking import DEVICE_ID, Question, ask_pos
from integrations.services.requests.contents import Content
from integrations.services.requests.errors import AskedOtherwise
from integrations.services.requests.repeats import UNEQUAL_ATTEMPTS
from integrations.services.requests.request_types import NewRequest, Stored
from tests.backend.answers import kind_of
from tests.services.requests.test_asking import be_online
from tests.support.asgi_client import Answer
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import ANNA, Enabled
from tests.support.in_process import InProcess, in_main, recorded, until

PIN = "7351"
REUSED = (409, "request-id-reused")


def asked_with(pin: str) -> str:
    return json.dumps({"PIN": pin})


async def ask(backend: Backend, outlet: Enabled, pin: str = PIN, **options: Any) -> Answer:
    """Send the request that these tests use. By default it may wait 60 s in the portal for the POS to connect."""
    options = {"request_id": "r", "mode": "async", "expires_in": 60} | options
    return await backend.ask(outlet, asked_with(pin), **options)


async def poll(backend: Backend, outlet: Enabled, pin: str = PIN) -> Answer:
    return await backend.ask(outlet, asked_with(pin), request_id="r", durable=False)


def comparable_part(answer: Answer) -> tuple[int, dict[str, Any]]:
    """Return an answer without the members that differ for each call."""
    body = answer.json()
    del body["correlation_id"]
    return answer.status, body


async def unequal_attempts() -> int:
    return await in_main(lambda: Request.objects.values_list("unequal_attempts", flat=True).get())


def by_form(pin: str) -> Question:
    """Return a request as the staff form creates it, with this PIN in the payload."""
    return Question("r", Content(1, DEVICE_ID, None, asked_with(pin)))


class AnotherKey(InProcess):
    async def test_another_key_learns_nothing_of_the_content(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        assert (await ask(owner, outlet)).status == 202
        answers = [await way(other, outlet, pin) for way in (ask, poll) for pin in (PIN, "0000", PIN)]
        assert {(answer.status, kind_of(answer)) for answer in answers} == {REUSED}
        assert [comparable_part(answer) for answer in answers] == [comparable_part(answers[0])] * len(answers)
        assert "another API key" in answers[0].json()["detail"]
        assert await unequal_attempts() == 0
        assert (await ask(owner, outlet)).status == 202, "the owner's request is unchanged"

    async def test_the_organisations_of_the_keys_make_no_difference(self) -> None:
        outlet = await make_outlet()
        organisation = await in_main(Organisation.objects.get)
        wide, narrow = await Backend.make("wide"), await Backend.make("narrow", organisation=organisation)
        assert (await ask(narrow, outlet)).status == 202
        assert (await ask(wide, outlet, request_id="w")).status == 202
        for answer in (await ask(wide, outlet), await ask(narrow, outlet, request_id="w")):
            assert (answer.status, kind_of(answer)) == REUSED

    async def test_a_key_stays_the_same_when_its_secret_is_rotated(self) -> None:
        outlet, owner = await make_outlet(), await Backend.make("owner")
        assert (await ask(owner, outlet)).status == 202
        key = await in_main(ApiKey.objects.get)
        rotated = Backend(await in_main(rotate_api_key, key, overlap="1h", actor=ANNA))
        assert (await ask(rotated, outlet)).status == (await ask(owner, outlet)).status == 202

    async def test_requests_of_staff_belong_to_no_key_and_requests_of_a_key_not_to_staff(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(be_online, outlet)
        content = Content(1, "kiosk-1", None, asked_with(PIN))
        await in_main(ask_pos, outlet.integration, Question("r", content), actor=ANNA)
        answer = await ask(backend, outlet)
        assert (answer.status, kind_of(answer)) == REUSED
        assert (await ask(backend, outlet, request_id="backend")).status == 202
        with pytest.raises(AskedOtherwise):
            await in_main(ask_pos, outlet.integration, Question("backend", content), actor=ANNA)
        assert set(await in_main(lambda: list(Request.objects.values_list("unequal_attempts", flat=True)))) == {0}

    async def test_another_key_sees_the_answer_without_its_secrets(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(owner.ask(outlet, asked_with(PIN)))
            pos.answers(await pos.next_frame(), f'{{"UserPIN": "{PIN}", "n": 1.50}}')
            path = f"requests/{(await asking).json()['id']}"
        assert (await owner.get(path)).json()["answer"] == {"UserPIN": PIN, "n": 1.5}
        assert (await other.get(path)).json()["answer"] == {"UserPIN": "[redacted]", "n": 1.5}

    async def test_a_transient_request_in_progress_belongs_to_its_key(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(poll(owner, outlet))
            frame = await pos.next_frame()
            answers = [await poll(other, outlet, pin) for pin in (PIN, "0000")]
            assert comparable_part(answers[0]) == comparable_part(answers[1])
            assert (answers[0].status, kind_of(answers[0])) == REUSED
            pos.answers(frame)
            assert (await asking).status == 200


class Guessing(InProcess):
    async def test_after_five_unequal_contents_not_even_the_right_one_is_compared(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await ask(backend, outlet)
        for guess in range(5):
            assert (await ask(backend, outlet)).status == 202, "the right content does not count"
            wrong = await (ask, poll)[guess % 2](backend, outlet, f"{guess:04}")
            assert (wrong.status, kind_of(wrong), wrong.json().get("detail")) == (*REUSED, None)
        for way in (ask, poll):
            refused = [await way(backend, outlet, pin) for pin in (PIN, "0000")]
            assert (refused[0].status, kind_of(refused[0])) == REUSED
            assert "too often with different content" in refused[0].json()["detail"]
            assert comparable_part(refused[0]) == comparable_part(refused[1])
        assert await unequal_attempts() == 5

    async def test_concurrent_guesses_are_counted_individually(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await ask(backend, outlet)
        guesses = await asyncio.gather(*(ask(backend, outlet, f"{guess:04}") for guess in range(60)))
        assert sum("detail" not in guess.json() for guess in guesses) == UNEQUAL_ATTEMPTS
        assert (await ask(backend, outlet)).status == 409

    async def test_guesses_concurrent_with_the_first_request_are_counted_too(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        all_at_once = await asyncio.gather(*(ask(backend, outlet, f"{guess:04}") for guess in range(60)))
        assert sum(answer.status == 202 for answer in all_at_once) == 1
        assert sum("detail" not in answer.json() for answer in all_at_once) == 1 + UNEQUAL_ATTEMPTS

    async def test_guesses_at_a_transient_request_in_progress_are_counted_and_stored(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(poll(backend, outlet))
            frame = await pos.next_frame()
            guesses = [await poll(backend, outlet, f"{guess:04}") for guess in range(7)]
            assert sum("detail" not in guess.json() for guess in guesses) == UNEQUAL_ATTEMPTS
            assert (await poll(backend, outlet)).status == 409
            pos.answers(frame)
            assert (await asking).status == 200
        await recorded()
        assert await unequal_attempts() == UNEQUAL_ATTEMPTS
        assert (await ask(backend, outlet)).status == 409

    async def test_guesses_in_a_staff_form_count_as_well(self) -> None:
        outlet = await make_outlet()
        await in_main(be_online, outlet)
        first = await in_main(ask_pos, outlet.integration, by_form(PIN), actor=ANNA)
        for guess in range(UNEQUAL_ATTEMPTS):
            assert await in_main(ask_pos, outlet.integration, by_form(PIN), actor=ANNA) == first
            with pytest.raises(AskedOtherwise):
                await in_main(ask_pos, outlet.integration, by_form(f"{guess:04}"), actor=ANNA)
        with pytest.raises(AskedOtherwise):
            await in_main(ask_pos, outlet.integration, by_form(PIN), actor=ANNA)


class Spellings(InProcess):
    async def test_the_same_order_in_another_spelling_is_recognised(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        spellings = (
            '{"PIN": "7351", "Price": 1.00, "Name": "Söup \\ud83c\\udf72"}',
            '{"Name":"S\\u00f6up 🍲","Price":1,"PIN":"7351"}',
            ' {\n"Price" : 1e0 , "\\u0050IN" : "\\u0037351" , "Name" : "S\\u00F6up \\uD83C\\uDF72" } ',
        )
        for durable in (True, False):
            options: dict[str, Any] = {"request_id": f"r-{durable}", "durable": durable}
            async with await Pos.of(outlet) as pos:
                asking = asyncio.ensure_future(backend.ask(outlet, spellings[0], **options))
                pos.answers(await pos.next_frame(), '{"n": 1}')
                first = await asking
                await recorded()
                for spelling in spellings:
                    assert (await backend.ask(outlet, spelling, **options)).body == first.body
                assert (await backend.ask(outlet, spellings[0].replace("1.00", "1.01"), **options)).status == 409

    async def test_a_request_of_an_older_version_is_recognised_in_the_same_spelling(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await ask(backend, outlet)
        key_id = secret_digests.current_key().key_id
        digest = contents._keyed(Content(1, "kiosk-1", None, asked_with(PIN)), key_id, ".")
        await in_main(Request.objects.update, content_digest=digest)
        assert (await ask(backend, outlet)).status == 202
        assert (await ask(backend, outlet, "0000")).status == 409

    async def test_after_the_server_key_is_replaced_another_api_key_still_learns_nothing(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        await ask(owner, outlet)
        digest = contents._keyed(Content(1, "kiosk-1", None, asked_with(PIN)), secret_digests.current_key().key_id, ".")
        await in_main(Request.objects.update, content_digest=f"00000000{digest[8:]}")
        assert ((await ask(other, outlet)).status, (await ask(owner, outlet)).status) == (409, 410)


class NotRecordedYet(InProcess):
    """A transient request has ended, but the recorder, which these tests call explicitly, has not written it."""

    async def test_another_key_and_different_content_get_the_same_answer_as_later(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        async with await Pos.of(outlet) as pos:
            first = await answered(pos, owner, outlet)
            early = [await three_answers(owner, other, outlet, way) for way in (poll, ask_and_wait)]
            assert not pos.has_more(), "nothing is sent to the POS again"
            await recorded()
            assert early == [await three_answers(owner, other, outlet, way) for way in (poll, ask_and_wait)]
            assert early[0][0] == (200, first.json())
            assert not pos.has_more()
        assert await in_main(Request.objects.count) == 1

    async def test_guesses_are_counted_and_stored(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            await answered(pos, backend, outlet)
            guesses = [await (poll, ask)[guess % 2](backend, outlet, f"{guess:04}") for guess in range(7)]
            assert sum("detail" not in guess.json() for guess in guesses) == UNEQUAL_ATTEMPTS
            assert (await poll(backend, outlet)).status == (await ask(backend, outlet)).status == 409
            assert not pos.has_more()
        await recorded()
        await recorded()  # stores the guesses that were made after the request had ended
        assert await unequal_attempts() == UNEQUAL_ATTEMPTS
        assert (await poll(backend, outlet)).status == (await ask(backend, outlet)).status == 409

    async def test_the_first_outcome_stays_while_the_database_stores_no_record(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            first = await answered(pos, backend, outlet)
            with mock.patch.object(record_writer, "write", side_effect=OperationalError("locked")):
                running = await recorded()
            assert (await poll(backend, outlet)).body == first.body
            assert not pos.has_more()
        await recorded()
        assert running.transient_requests._ended == {}

    async def test_a_look_up_that_began_before_the_record_was_written_does_not_send_again(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        running = await runtime.running()
        find, found = running.dispatcher.find_repeated, asyncio.Event()

        async def slow(new: NewRequest) -> Stored | None:
            earlier = await find(new)
            await found.wait()
            return earlier

        async with await Pos.of(outlet) as pos:
            with mock.patch.object(running.dispatcher, "find_repeated", slow):
                late = asyncio.ensure_future(poll(backend, outlet))
                await until(lambda: running.transient_requests._looked_up)
            first = await answered(pos, backend, outlet)
            await recorded()
            found.set()
            assert (await late).body == first.body
            assert not pos.has_more()
        assert running.transient_requests._ended == {}

    async def test_a_durable_request_joins_a_transient_request_in_progress(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(poll(backend, outlet))
            frame = await pos.next_frame()
            receipt = await ask(backend, outlet)
            hasty = await ask(backend, outlet, mode="wait", expires_in=0, timeout=1)
            assert (receipt.status, hasty.status, kind_of(hasty)) == (202, 504, "no-answer-yet")
            pos.answers(frame)
            answer = await asking
            assert not pos.has_more()
        assert {answer.json()["id"], hasty.json()["id"], receipt.json()["id"]} == {answer.json()["id"]}

    async def test_a_request_id_refused_before_sending_can_be_used_again(self) -> None:
        outlet, owner, other = await make_outlet(), await Backend.make("owner"), await Backend.make("other")
        assert kind_of(await poll(owner, outlet)) == "pos-offline"
        async with await Pos.of(outlet) as pos:
            assert (await answered(pos, other, outlet)).status == 200


async def ask_and_wait(backend: Backend, outlet: Enabled, pin: str = PIN) -> Answer:
    return await ask(backend, outlet, pin, mode="wait", expires_in=0)


async def answered(pos: Pos, backend: Backend, outlet: Enabled) -> Answer:
    """Return the answer to a transient request, which has ended but is not recorded."""
    asking = asyncio.ensure_future(poll(backend, outlet))
    pos.answers(await pos.next_frame(), '{"n": 1}')
    return await asking


async def three_answers(owner: Backend, other: Backend, outlet: Enabled, way: Any) -> list[tuple[int, dict[str, Any]]]:
    """Call once as `owner` and twice as `other`, the last time with a wrong PIN; return the three answers."""
    answers = [await way(owner, outlet), *[await way(other, outlet, pin) for pin in (PIN, "0000")]]
    assert [(answer.status, kind_of(answer)) for answer in answers[1:]] == [REUSED] * 2
    return [(answers[0].status, answers[0].json()), *map(comparable_part, answers[1:])]


class IdempotencyKeyOfARequest(InProcess):
    async def send(self, key: str, **options: Any) -> Answer:
        body = {"message_type": 1, "device_id": "kiosk-1", "payload": {}, "mode": "async", "expires_in": 60} | options
        path = f"outlets/{self.outlet.handover.provider_outlet_id}/requests"
        return await self.backend.post(path, json.dumps(body), Idempotency_Key=key)

    async def test_the_idempotency_key_is_the_request_id_in_either_form(self) -> None:
        self.outlet, self.backend = await make_outlet(), await Backend.make()
        bare, quoted = await self.send("order 17"), await self.send('"order 17"')
        in_body = await self.backend.ask(self.outlet, request_id="order 17", mode="async", expires_in=60)
        assert [each.status for each in (bare, quoted, in_body)] == [202, 202, 202]
        assert {each.json()["request_id"] for each in (bare, quoted, in_body)} == {"order 17"}
        assert len({each.json()["id"] for each in (bare, quoted, in_body)}) == 1
        assert "idempotent-replayed" not in quoted.headers

    async def test_a_request_id_that_differs_from_the_key_is_refused(self) -> None:
        self.outlet, self.backend = await make_outlet(), await Backend.make()
        assert (await self.send("a", request_id="a")).status == 202
        answer = await self.send("a", request_id="b")
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "request_id")

    async def test_the_same_key_with_different_content_is_refused(self) -> None:
        self.outlet, self.backend = await make_outlet(), await Backend.make()
        await self.send("a")
        answer = await self.send("a", device_id="kiosk-2")
        assert (answer.status, kind_of(answer)) == REUSED
