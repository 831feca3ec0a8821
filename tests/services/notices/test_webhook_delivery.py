"""Webhooks are signed, retried from their stored rows, and never sent to forbidden addresses."""

import json
from datetime import timedelta
from unittest import mock

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from integrations.models import AuditEvent, Delivery, Notice, WebhookEndpoint
from integrations.models.audit import Verb
from integrations.models.notices.webhook import DeliveryState
from integrations.services import metrics
from integrations.services.notices import delivering, notice_chores, posting, webhooks
from integrations.services.notices.delivering import Deliverer
from integrations.services.notices.posting import retry_seconds
from integrations.text.moments import iso
from tests.services.notices.deliveries import (
    WithReceiver,
    all_sent,
    due_again,
    fresh,
    make_delivery,
    make_notice,
    prepare_two,
    send_due,
)
from tests.support.factories import ANNA, NOON, make_organisation
from tests.support.in_process import LIMIT, in_main, until
from tests.support.notice_factories import make_endpoint
from tests.support.servers.receiver import receiver


class Delivering(WithReceiver):
    async def test_an_event_arrives_signed_as_the_standard_library_verifies(self) -> None:
        _, secret, delivery = await in_main(make_delivery, self.receiver.url)
        await send_due()
        (got,) = self.receiver.got
        event = got.verified(secret)
        assert event["type"] == "webhook.test"
        assert event["data"] == {"organisation": None, "endpoint": "CRM", "sent_by": "anna"}
        assert got.headers["webhook-id"] == delivery.notice.webhook_id
        assert got.headers["content-type"] == "application/json"
        after = await in_main(fresh, delivery)
        assert (after.state, after.status, after.tries) == (DeliveryState.DELIVERED, 204, 1)

    async def test_an_event_about_a_traced_request_continues_the_trace(self) -> None:
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        await send_due()
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        await in_main(Notice.objects.update, data={"traceparent": trace})
        await in_main(webhooks.replay, await in_main(fresh, delivery), actor=ANNA)
        await send_due()
        assert [got.headers.get("traceparent") for got in self.receiver.got] == [None, trace]

    async def test_another_secret_does_not_verify(self) -> None:
        await in_main(make_delivery, self.receiver.url)
        await send_due()
        with pytest.raises(WebhookVerificationError):
            self.receiver.got[0].verified("whsec_" + "A" * 43 + "=")

    async def test_during_an_overlap_both_secrets_verify_and_after_it_only_the_new_one(self) -> None:
        endpoint, old, delivery = await in_main(make_delivery, self.receiver.url)
        new = await in_main(webhooks.rotate_endpoint, endpoint, overlap="1h", actor=ANNA)
        await send_due()
        assert self.receiver.got[0].verified(old) == self.receiver.got[0].verified(new)
        await in_main(webhooks.end_endpoint_overlap, endpoint, actor=ANNA)
        await in_main(webhooks.replay, await in_main(fresh, delivery), actor=ANNA)
        await send_due()
        assert self.receiver.got[1].verified(new)
        with pytest.raises(WebhookVerificationError):
            self.receiver.got[1].verified(old)

    async def test_the_old_secret_does_not_sign_after_the_overlap(self) -> None:
        endpoint, _, _ = await in_main(make_delivery, self.receiver.url)
        await in_main(webhooks.rotate_endpoint, endpoint, overlap="1h", actor=ANNA)
        past = timezone.now() - timedelta(seconds=1)
        await in_main(WebhookEndpoint.objects.update, older_secret_until=past)
        await send_due()
        assert " " not in self.receiver.got[0].headers["webhook-signature"]

    async def test_a_failure_is_retried_on_schedule_under_the_same_id_and_then_abandoned(self) -> None:
        self.receiver.status, self.receiver.answer = 500, b"out of paper"
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        before_all, waits = attempts_counted(), []
        for _ in delivering.SCHEDULE:
            before = timezone.now()
            await send_due()
            row = await in_main(fresh, delivery)
            waits.append((row.next_at - before) / timedelta(seconds=1))
            await in_main(due_again, delivery)
        await send_due()
        row = await in_main(fresh, delivery)
        assert (row.state, row.tries, row.error) == (DeliveryState.FAILED, 10, "Answered 500.")
        assert row.excerpt == "out of paper"
        counted = {name: number - before_all[name] for name, number in attempts_counted().items()}
        assert counted == {"delivered": 0, "retried": 9, "failed": 1}
        planned = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
        assert all(0.9 * plan <= wait <= 1.1 * plan + 10 for plan, wait in zip(planned, waits, strict=True))
        assert len({got.headers["webhook-id"] for got in self.receiver.got}) == 1
        assert len({got.body for got in self.receiver.got}) == 1

    async def test_a_pause_that_a_receiver_requests_applies_to_all_waiting_events(self) -> None:
        self.receiver.status, self.receiver.retry_after = 429, "120"
        endpoint, _, delivery = await in_main(make_delivery, self.receiver.url)
        began = timezone.now()
        waiting = await in_main(webhooks.send_test, endpoint, actor=ANNA)
        soon = began + timedelta(seconds=30)
        await in_main(Delivery.objects.filter(pk=waiting.pk).update, next_at=soon)
        await send_due()
        for row in (delivery, waiting):
            assert 119 <= ((await in_main(fresh, row)).next_at - began).total_seconds() <= 130
        self.receiver.status, self.receiver.retry_after = 204, "86400"
        await in_main(due_again, delivery)
        await send_due()
        assert ((await in_main(fresh, waiting)).next_at - began).total_seconds() <= 130

    async def test_a_pause_applies_to_events_detected_meanwhile(self) -> None:
        self.receiver.status, self.receiver.retry_after = 503, "60"
        await in_main(make_delivery, self.receiver.url)
        began = timezone.now()
        await send_due()
        for _ in range(10):
            await in_main(make_notice)
            await send_due()
        assert len(self.receiver.got) == 1
        waits = await in_main(lambda: [(row.next_at - began).total_seconds() for row in Delivery.objects.all()])
        assert all(59 <= wait <= 75 for wait in waits), waits
        self.receiver.status = 204
        with time_machine.travel(timezone.now() + timedelta(seconds=80)):
            await send_due()
        assert len(self.receiver.got) == 12
        assert not (await in_main(WebhookEndpoint.objects.get)).pause_at(timezone.now() + timedelta(seconds=80))

    async def test_the_rest_of_a_batch_waits_without_counting_an_attempt(self) -> None:
        self.receiver.status, self.receiver.retry_after = 503, "600"
        await in_main(make_endpoint, self.receiver.url)
        for _ in range(40):
            await in_main(make_notice)
        began = timezone.now()
        await send_due()
        assert 1 <= len(self.receiver.got) <= delivering.AT_ONCE_PER_ENDPOINT
        rows = await in_main(lambda: list(Delivery.objects.all()))
        assert sum(row.tries for row in rows) == len(self.receiver.got)
        assert all(599 <= (row.next_at - began).total_seconds() <= 625 for row in rows)

    async def test_staff_end_a_pause_by_a_test_an_event_sent_again_or_another_url(self) -> None:
        self.receiver.status, self.receiver.retry_after = 503, "600"
        endpoint, _, delivery = await in_main(make_delivery, self.receiver.url)

        def change() -> None:
            webhooks.change_endpoint(endpoint, url=f"{self.receiver.url}/2", kinds=endpoint.kinds, actor=ANNA)
            make_notice()

        acts = [
            lambda: webhooks.send_test(endpoint, actor=ANNA),
            lambda: webhooks.replay(delivery, actor=ANNA),
            change,
        ]
        await send_due()
        for number, act in enumerate(acts, 2):
            await send_due()
            await in_main(act)
            await send_due()
            assert len(self.receiver.got) == number

    async def test_a_pause_is_never_shorter_than_the_schedule_nor_longer_than_its_longest_wait(self) -> None:
        self.receiver.status, self.receiver.retry_after = 503, "1"
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        await send_due()
        assert (await in_main(fresh, delivery)).next_at >= timezone.now() + timedelta(seconds=3)
        self.receiver.retry_after = "9" * 4000
        await in_main(due_again, delivery)
        await send_due()
        assert (await in_main(fresh, delivery)).next_at <= timezone.now() + timedelta(hours=24)

    async def test_a_delivery_that_is_not_due_is_not_sent(self) -> None:
        self.receiver.status = 500
        await in_main(make_delivery, self.receiver.url)
        await send_due()
        await send_due()
        assert len(self.receiver.got) == 1

    async def test_a_redirect_is_not_followed(self) -> None:
        with receiver() as elsewhere:
            self.receiver.status, self.receiver.location = 307, elsewhere.url
            _, _, delivery = await in_main(make_delivery, self.receiver.url)
            await send_due()
            assert elsewhere.got == []
        row = await in_main(fresh, delivery)
        assert "Redirects are not followed" in row.error

    async def test_a_giant_answer_is_cut(self) -> None:
        self.receiver.status, self.receiver.answer = 200, b"x" * 50_000_000
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        await send_due()
        row = await in_main(fresh, delivery)
        assert (row.state, len(row.excerpt)) == (DeliveryState.DELIVERED, posting.EXCERPT)
        assert self.receiver.sent < 40_000_000

    async def test_a_slow_answer_is_cut_at_the_time_limit_of_the_attempt(self) -> None:
        self.receiver.status, self.receiver.answer, self.receiver.drip = 200, b"x" * 1000, 0.05
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        with mock.patch.object(posting, "SECONDS", 0.5):
            await send_due()
        row = await in_main(fresh, delivery)
        assert row.error == "No answer within 0.5 s."
        assert row.duration_ms is not None
        assert 400 <= row.duration_ms < 5000

    async def test_an_unreachable_receiver_is_recorded_as_such(self) -> None:
        _, _, delivery = await in_main(make_delivery, "http://127.0.0.1:9/hooks")
        await send_due()
        row = await in_main(fresh, delivery)
        assert row.error.startswith("Cannot be reached")
        assert row.state == DeliveryState.PENDING

    async def test_410_disables_the_endpoint(self) -> None:
        self.receiver.status = 410
        endpoint, _, _ = await in_main(make_delivery, self.receiver.url)
        await send_due()
        await in_main(endpoint.refresh_from_db)
        assert not endpoint.is_enabled
        assert "410" in endpoint.disabled_reason
        event = await in_main(AuditEvent.objects.latest, "pk")
        assert (event.verb, event.actor_name) == (Verb.WEBHOOK_DISABLED, "the portal")

    async def test_an_endpoint_that_fails_for_days_is_disabled_and_a_success_resets_the_count(self) -> None:
        self.receiver.status = 500
        endpoint, _, delivery = await in_main(make_delivery, self.receiver.url)
        await send_due()
        almost = timezone.now() - timedelta(days=4, hours=23)
        await in_main(WebhookEndpoint.objects.update, failing_since=almost)
        await in_main(due_again, delivery)
        await send_due()
        await in_main(endpoint.refresh_from_db)
        assert endpoint.is_enabled
        await in_main(WebhookEndpoint.objects.update, failing_since=almost - timedelta(hours=2))
        await in_main(due_again, delivery)
        await send_due()
        await in_main(endpoint.refresh_from_db)
        assert endpoint.disabled_reason == "Every delivery failed for 5 days."
        await in_main(webhooks.enable_endpoint, endpoint, actor=ANNA)
        self.receiver.status = 204
        await in_main(due_again, delivery)
        await send_due()
        await in_main(endpoint.refresh_from_db)
        assert (endpoint.failing_since, endpoint.is_enabled) == (None, True)

    async def test_waiting_events_are_sent_when_their_endpoint_is_enabled_again(self) -> None:
        endpoint, _, _ = await in_main(make_delivery, self.receiver.url)
        await in_main(webhooks.disable_endpoint, endpoint, reason="maintenance", actor=ANNA)
        await send_due()
        assert self.receiver.got == []
        await in_main(webhooks.enable_endpoint, endpoint, actor=ANNA)
        await send_due()
        assert len(self.receiver.got) == 1

    async def test_two_processes_deliver_once(self) -> None:
        self.receiver.hold = 0.2
        await in_main(make_delivery, self.receiver.url)
        one, other = Deliverer(), Deliverer()
        await one.start_due()
        await other.start_due()
        await all_sent(one)
        await all_sent(other)
        assert len(self.receiver.got) == 1

    async def test_events_claimed_by_a_killed_process_are_sent_by_another(self) -> None:
        self.receiver.hold = 30
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        killed = Deliverer()
        await killed.start_due()
        await until(lambda: self.receiver.got)
        await killed.end()
        self.receiver.hold = 0
        await send_due()
        assert len(self.receiver.got) == 1  # the claim of the killed process has not expired
        with time_machine.travel(timezone.now() + delivering.CLAIM, tick=True):
            await send_due()
        row = await in_main(fresh, delivery)
        assert row.state == DeliveryState.DELIVERED
        assert len({got.headers["webhook-id"] for got in self.receiver.got}) == 1

    async def test_the_chores_of_a_process_deliver_events_and_leave_nothing_running(self) -> None:
        self.receiver.hold = LIMIT
        await in_main(make_delivery, self.receiver.url)
        await notice_chores.notice()
        await notice_chores.watch()
        await notice_chores.deliver()
        await until(lambda: self.receiver.got)
        await notice_chores.end_deliveries()
        await notice_chores.end_deliveries()

    async def test_a_slow_endpoint_delays_no_other(self) -> None:
        self.receiver.hold = LIMIT
        with receiver() as quick:
            for _ in range(3):
                await in_main(prepare_two, self.receiver.url, quick.url)
            deliverer = Deliverer()
            await deliverer.start_due()
            await until(lambda: len(quick.got) == 3)
            assert len(self.receiver.got) <= 3
            await deliverer.end()

    async def test_an_endpoint_whose_secret_cannot_be_read_asks_for_a_new_one(self) -> None:
        _, _, delivery = await in_main(make_delivery, self.receiver.url)
        with override_settings(CREDENTIAL_KEY="another" * 8, CREDENTIAL_KEY_FALLBACKS=[]):
            await send_due()
        assert self.receiver.got == []
        assert "Rotate it" in (await in_main(fresh, delivery)).error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("120", 120), (" 7 ", 7), ("9" * 30, 1e9), ("9" * 5000, 1e9), ("-5", 0), ("1.5", 0), ("", 0),
        ("soon", 0), ("٣", 0), ("5, 5", 0), ("1e9", 0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60), ("Sunday, 01-Mar-26 12:01:00 GMT", 60),
        ("Sun Mar  1 12:01:00 2026", 60), ("Sun, 01 Mar 2026 13:01:00 +0100", 60), ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9), ("Sun, 99 Mar 2026 12:01:00 GMT", 0),
        ("Sun, 01 Mar 99999 12:01:00 GMT", 0), ("Sun, 01 Mar 2026 12:01:00 +9999", 0),
    ],
)  # fmt: skip
def test_a_pause_is_read_in_seconds_and_as_a_date(text: str, seconds: float) -> None:
    assert retry_seconds(text, NOON) == seconds


def test_the_body_of_an_event_keeps_letters_as_they_are(db: None) -> None:
    endpoint, _ = make_endpoint(name="Küche", organisation=make_organisation("Café"))
    delivery = webhooks.send_test(endpoint, actor=ANNA)
    body = delivering.body_of(delivery.notice)
    assert "Küche".encode() in body
    assert json.loads(body)["timestamp"] == iso(delivery.notice.at)


def attempts_counted() -> dict[str, float]:
    """Return how many attempts the metric has counted, by outcome."""
    return {name: counter._value.get() for name, counter in metrics.webhook_attempts.items()}
