"""A webhook endpoint is deleted while events are added for it, or are being sent to it."""

import pytest
from django.utils import timezone

from integrations.models import AuditEvent, Delivery, Notice, WebhookEndpoint
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices import delivering, outbox, webhooks
from integrations.services.notices.posting import DeliveryResult
from tests.support.factories import ANNA
from tests.support.notice_factories import make_endpoint

pytestmark = pytest.mark.django_db


def test_an_endpoint_is_deleted_with_its_deliveries_and_recorded() -> None:
    endpoint, _ = make_endpoint("https://hooks.example.com/onp?key=hidden")
    webhooks.send_test(endpoint, actor=ANNA)
    webhooks.delete_endpoint(endpoint, actor=ANNA)
    assert not WebhookEndpoint.objects.exists()
    assert not Delivery.objects.exists()
    assert Notice.objects.count() == 1
    event = AuditEvent.objects.get(verb="webhook_deleted")
    assert (event.subject, event.actor_name, event.detail) == ("CRM", "anna", {"url": "https://hooks.example.com/onp"})


def test_the_answer_to_an_event_of_a_deleted_endpoint_is_ignored() -> None:
    endpoint, _ = make_endpoint()
    webhooks.send_test(endpoint, actor=ANNA)
    (message,) = delivering.claim(endpoint.pk)
    webhooks.delete_endpoint(endpoint, actor=ANNA)
    delivering.settle([(message, DeliveryResult(204, ""))])
    assert not Delivery.objects.exists()


def test_an_event_that_was_detected_for_a_deleted_endpoint_is_stored_without_a_delivery() -> None:
    deleted, _ = make_endpoint()
    other, _ = make_endpoint(name="ERP")
    subscribers = outbox.subscribers()
    webhooks.delete_endpoint(deleted, actor=ANNA)
    now = timezone.now()
    event = outbox.of_integration(None, kind=NoticeKind.AUTHENTICATION_REFUSED, subject=1, at=now, data={})
    outbox.store_events([event], subscribers, now=now)
    assert Delivery.objects.get().endpoint == other
