"""No stored request contains a readable PIN, but the POS and the caller get every byte."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import TestCase, override_settings
from django.utils import timezone

from integrations.models import Request, UnrecognisedFrame
from integrations.models.request import RequestState
from integrations.relay import runtime
from integrations.services.requests import contents, ending, results, sending
from integrations.services.requests.contents import Content
from integrations.services.requests.request_types import Ending
from integrations.services.retention.redacting import redact_batch
from tests.backend.answers import kind_of, poll, row_of
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.in_process import InProcess, in_main, recorded, until

PIN = "73519"
ASKED = f'{{"PIN":  "{PIN}", "n": 1.50}}'
ANSWERED = f'{{"n":1E2,"UserPIN":"{PIN}" }}'
SAID = f"PIN={PIN} is unknown"
HIDDEN = '{"PIN":  "[redacted]", "n": 1.50}'


def everything() -> str:
    """Return every value of every column of every request, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_request")
        return repr(cursor.fetchall())


def change(row: Request, **values: Any) -> None:
    Request.objects.filter(pk=row.pk).update(**values)


def under_a_lost_key() -> tuple[str, str, str]:
    """Return a sealed request, a sealed answer and a digest, created with a key that this portal does not have."""
    with override_settings(CREDENTIAL_KEY="lost"):
        asked, said = contents.keep_request(PIN, ASKED), contents.keep_answer(SAID, ANSWERED)
        assert asked.sealed
        assert said.sealed
        return asked.sealed, said.sealed, contents.digest(Content(1, "kiosk-1", PIN, ASKED))


class Durable(InProcess):
    async def test_a_pin_reaches_the_pos_and_its_answer_the_caller_and_neither_can_be_read_in_the_row(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, ASKED, user_identifier=PIN, request_id="r"))
            text = (await pos.next())["text"]
            frame = json.loads(text)
            assert f'"Payload": {ASKED}' in text
            assert frame["UserIdentifier"] == PIN
            assert PIN not in await in_main(everything)
            assert (await in_main(Request.objects.get)).sealed_request
            pos.answers(frame, ANSWERED, code=4, error=SAID)
            answer = await asking
            again = await backend.ask(outlet, ASKED, user_identifier=PIN, request_id="r")
            assert not pos.has_more()
        assert answer.body == again.body
        assert ANSWERED.encode() in answer.body
        assert answer.json()["error_message"] == SAID
        assert PIN not in await in_main(everything)
        row = await row_of(answer)
        assert (row.payload, row.user_identifier, row.sealed_request) == (HIDDEN, "[redacted]", None)
        assert (row.answer, row.error_message) == ('{"n":1E2,"UserPIN":"[redacted]" }', "PIN=[redacted] is unknown")

    async def test_one_request_is_shown_with_its_answer_and_a_list_without_secrets(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, ASKED, user_identifier=PIN))
            pos.answers(await pos.next_frame(), ANSWERED, code=4, error=SAID)
            row_uuid = (await asking).json()["id"]
        shown = await backend.get(f"requests/{row_uuid}")
        (listed,) = (await backend.get("requests")).json()["results"]
        assert f'"payload": {HIDDEN}, "answer": {ANSWERED}'.encode() in shown.body
        assert (shown.json()["user_identifier"], shown.json()["error_message"]) == ("[redacted]", SAID)
        assert listed["error_message"] == "PIN=[redacted] is unknown"
        assert "answer" not in listed

    async def test_content_without_secrets_is_not_sealed_and_a_users_id_stays(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        user = "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01"
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, '{"n": 1.50}', user_identifier=user))
            frame = await pos.next_frame()
            assert (await in_main(Request.objects.get)).sealed_request is None
            pos.answers(frame, '{"m": 1.0}')
            row = await row_of(await asking)
        assert (row.user_identifier, row.payload, row.answer) == (user, '{"n": 1.50}', '{"m": 1.0}')
        assert (row.sealed_answer, row.is_redacted) == (None, True)

    async def test_a_pos_that_connects_later_or_again_gets_the_original(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, ASKED, user_identifier=PIN, mode="async", expires_in=60)
        frames = []
        for _ in range(2):
            async with await Pos.of(outlet) as pos:
                frames.append((await pos.next())["text"])
                await pos.disconnect()
        assert frames[0] == frames[1]
        assert f'"Payload": {ASKED}' in frames[0]
        row = await in_main(Request.objects.get)
        assert row.times_sent == 2
        moments = [row.received_at, row.stored_at, row.sent_at, row.last_sent_at]
        assert moments == sorted(filter(None, moments))
        assert row.sent_at != row.last_sent_at

    async def test_a_request_that_is_sent_immediately_is_saved_first(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet))
            pos.answers(await pos.next_frame())
            row = await row_of(await asking)
        moments = [row.received_at, row.stored_at, row.sent_at, row.ended_at]
        assert moments == sorted(filter(None, moments))
        assert row.sent_at == row.last_sent_at

    async def test_a_cancelled_or_expired_request_keeps_no_original(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for name in ("to be cancelled", "to expire"):
            await backend.ask(outlet, ASKED, mode="async", expires_in=60, request_id=name)
        cancelled, expired = await in_main(lambda: list(Request.objects.order_by("pk")))
        assert cancelled.sealed_request
        assert expired.sealed_request
        assert (await backend.post(f"requests/{cancelled.uuid}/cancel")).status == 200
        await in_main(change, expired, send_before=timezone.now())
        await poll()
        left = await in_main(lambda: list(Request.objects.values_list("state", "sealed_request").order_by("pk")))
        assert left == [(RequestState.CANCELLED, None), (RequestState.EXPIRED, None)]

    async def test_a_request_whose_key_only_another_process_has_is_left_to_it_and_later_ones_are_sent(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        sent = await backend.ask(outlet, ASKED, mode="async", expires_in=60)
        await backend.ask(outlet, '{"second": 2}', mode="async", expires_in=60)
        row = await row_of(sent)
        readable = row.sealed_request
        await in_main(change, row, sealed_request=under_a_lost_key()[0])
        async with await Pos.of(outlet) as pos:
            assert (await pos.next_frame())["Payload"] == {"second": 2}
            found = (await backend.get(sent.json()["location"].removeprefix("/api/v1/"))).json()
            assert found["state"] == "queued"
            assert "CREDENTIAL_KEY" in found["failure"]
            await in_main(change, row, sealed_request=readable)  # simulates a process that has the key
            await poll()
            assert (await pos.next_frame())["Payload"]["PIN"] == PIN
        found = (await backend.get(sent.json()["location"].removeprefix("/api/v1/"))).json()
        assert (found["state"], found["failure"]) == ("sent", "")

    async def test_many_requests_with_a_lost_key_do_not_block_later_ones(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        for _ in range(3):
            await backend.ask(outlet, ASKED, mode="async", expires_in=60)
        await in_main(Request.objects.update, sealed_request=under_a_lost_key()[0])
        await backend.ask(outlet, '{"last": 4}', mode="async", expires_in=60)
        integration_id = await in_main(lambda: Request.objects.values_list("integration", flat=True)[0])
        assert [each.content.payload for each in await in_main(sending.load_open, integration_id, 2)] == ['{"last": 4}']

    async def test_no_more_than_the_limit_is_loaded_beside_requests_with_a_lost_key(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        unreadable = await row_of(await backend.ask(outlet, ASKED, mode="async", expires_in=60))
        await in_main(change, unreadable, sealed_request=under_a_lost_key()[0])
        for number in range(4):
            await backend.ask(outlet, f'{{"n": {number}}}', mode="async", expires_in=60)
        loaded = await in_main(sending.load_open, unreadable.integration_id, 2)
        assert [each.content.payload for each in loaded] == ['{"n": 0}', '{"n": 1}']

    async def test_a_caller_that_waits_for_a_request_with_a_lost_key_gets_a_problem_when_it_expires(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        asking = asyncio.ensure_future(backend.ask(outlet, ASKED, expires_in=60))
        running = await runtime.running()
        await until(lambda: running.dispatcher.is_waited_for)
        row = await in_main(Request.objects.get)
        await in_main(change, row, sealed_request=under_a_lost_key()[0])
        assert await in_main(sending.load_open, row.integration_id, 10) == []
        await in_main(change, row, send_before=timezone.now())
        await poll()
        answer = await asking
        assert (answer.status, kind_of(answer)) == (504, "request-expired")
        assert "CREDENTIAL_KEY" in answer.json()["detail"]

    async def test_an_answer_with_a_lost_key_is_a_problem_that_still_shows_the_outcome(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, ASKED, request_id="r"))
            pos.answers(await pos.next_frame(), ANSWERED)
            answer = await asking
        await in_main(change, await row_of(answer), sealed_answer=under_a_lost_key()[1])
        path = f"requests/{answer.json()['id']}"
        for refused in (await backend.get(path), await backend.ask(outlet, ASKED, request_id="r")):
            assert (refused.status, kind_of(refused)) == (410, "content-unreadable")
            found = refused.json()
            assert (found["request_id"], found["state"], found["result_code"]) == ("r", "answered", 0)
        assert (await backend.get("requests")).status == 200

    async def test_a_request_id_that_can_no_longer_be_compared_is_neither_sent_nor_answered(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, ASKED, user_identifier=PIN, mode="async", expires_in=60, request_id="r")
        await in_main(change, await in_main(Request.objects.get), content_digest=under_a_lost_key()[2])
        for durable in (True, False):
            answer = await backend.ask(outlet, ASKED, user_identifier=PIN, request_id="r", durable=durable)
            assert (answer.status, kind_of(answer)) == (410, "content-unreadable")
        assert await in_main(Request.objects.count) == 1

    async def test_the_same_request_is_recognised_after_a_change_of_keys(self) -> None:
        with override_settings(CREDENTIAL_KEY="the old one"):
            outlet, backend = await make_outlet(), await Backend.make()
            await backend.ask(outlet, ASKED, mode="async", expires_in=60, request_id="r")
        with override_settings(CREDENTIAL_KEY="the new one", CREDENTIAL_KEY_FALLBACKS=["the old one"]):
            again = await backend.ask(outlet, ASKED, mode="async", expires_in=60, request_id="r")
            other = await backend.ask(outlet, "{}", mode="async", expires_in=60, request_id="r")
            async with await Pos.of(outlet) as pos:
                assert (await pos.next_frame())["Payload"]["PIN"] == PIN
        assert (again.status, other.status) == (202, 409)


class NotDurable(InProcess):
    async def test_a_transient_request_is_recorded_without_its_pin_and_repeats_its_answer(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(
                backend.ask(outlet, ASKED, user_identifier=PIN, durable=False, request_id="r")
            )
            text = (await pos.next())["text"]
            assert f'"Payload": {ASKED}' in text
            pos.answers(json.loads(text), ANSWERED, code=4, error=SAID)
            answer = await asking
            await recorded()
            again = await backend.ask(outlet, ASKED, user_identifier=PIN, durable=False, request_id="r")
            assert not pos.has_more()
        assert answer.json()["error_message"] == SAID
        assert again.body == answer.body
        assert PIN not in await in_main(everything)
        row = await row_of(answer)
        assert (row.payload, row.sealed_request, row.stored_at) == (HIDDEN, None, None)

    async def test_an_unrecognised_late_answer_shows_no_secret(self) -> None:
        outlet = await make_outlet()
        async with await Pos.of(outlet) as pos:
            pos.answers({"RequestID": "nobody's"}, f'{{"CardNumber": "{PIN}", "Note": "{"x" * 3000}"}}')
            pos.send_text(f'[{{"CVV": {PIN}}}]')
            pos.send_text(f'{{"CVV": "{PIN}')
            running = await recorded()
            live = running.registry.find(outlet.integration.pk)
            assert live is not None
            await until(lambda: live.unrecognised_frames == 3)
        await recorded()
        excerpts = await in_main(lambda: list(UnrecognisedFrame.objects.values_list("excerpt", flat=True)))
        assert len(excerpts) == 3
        assert all("[redacted]" in each and PIN not in each for each in excerpts)


class OfAnOlderVersion(TestCase):
    def setUp(self) -> None:
        self.outlet = make_enabled_outlet()

    def test_an_ended_request_is_redacted_and_its_answer_sealed(self) -> None:
        row = older(self.outlet, "r")
        assert not redact_batch()
        assert PIN not in everything()
        row.refresh_from_db()
        assert (row.payload, row.user_identifier, row.sealed_request) == (HIDDEN, "[redacted]", None)
        assert results.result_of(row).answer == ANSWERED
        assert results.result_of(row).error_message == SAID

    def test_the_request_is_recognised_before_and_after(self) -> None:
        row = older(self.outlet, "r")
        content = Content(1, "kiosk-1", PIN, ASKED)
        assert contents.is_digest_of(row.content_digest, content)
        redact_batch()
        row.refresh_from_db()
        assert contents.is_digest_of(row.content_digest, content)
        assert contents.is_keyed(row.content_digest)

    def test_an_unsent_request_is_redacted_only_after_it_has_ended(self) -> None:
        row = older(self.outlet, "r", state=RequestState.QUEUED, ended_at=None, answer=None, error_message=None)
        redact_batch()
        (waiting,) = sending.load_open(self.outlet.integration.pk, 10)
        assert (waiting.content.payload, waiting.content.user_identifier) == (ASKED, PIN)
        ending.end([Ending(row.pk, RequestState.ANSWERED, timezone.now(), "", 0, SAID, ANSWERED)])
        redact_batch()
        assert PIN not in everything()
        row.refresh_from_db()
        assert (results.result_of(row).answer, results.result_of(row).error_message) == (ANSWERED, SAID)

    def test_many_requests_are_redacted_in_batches_and_each_once(self) -> None:
        for number in range(101):
            older(self.outlet, f"r-{number}")
        assert redact_batch()
        assert Request.objects.filter(is_redacted=False).count() == 1
        assert not redact_batch()
        before = everything()
        assert not redact_batch()
        assert everything() == before


def older(outlet: Enabled, request_id: str, **values: Any) -> Request:
    """Create a request in the format of the previous version."""
    now = timezone.now()
    content: Iterable[Any] = [1, "kiosk-1", PIN, ASKED]
    row = {
        "content_digest": hashlib.sha256(json.dumps(content).encode()).hexdigest(),
        "received_at": now,
        "send_before": now + timedelta(seconds=30),
        "answer_before": now + timedelta(seconds=60),
        "state": RequestState.REFUSED,
        "ended_at": now,
        "error_message": SAID,
        "answer": ANSWERED,
    }
    asked = {"message_type": 1, "device_id": "kiosk-1", "user_identifier": PIN, "payload": ASKED}
    return Request.objects.create(integration=outlet.integration, request_id=request_id, **(asked | row | values))
