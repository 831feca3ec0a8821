"""Create and send the webhook deliveries that a test needs."""

import asyncio
from typing import Any

from django.test import override_settings
from django.utils import timezone

from integrations.models import Delivery, WebhookEndpoint
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices import outbox, webhooks
from integrations.services.notices.delivering import Deliverer
from tests.support.factories import ANNA
from tests.support.in_process import InProcess
from tests.support.notice_factories import make_endpoint, make_refusal
from tests.support.servers.receiver import Receiver, receiver

Prepared = tuple[WebhookEndpoint, str, Delivery]


def make_delivery(url: str, *, name: str = "CRM") -> Prepared:
    endpoint, secret = make_endpoint(url, name=name)
    return endpoint, secret, webhooks.send_test(endpoint, actor=ANNA)


def make_notice() -> None:
    """Record a refusal of a POS, and create the deliveries that report this refusal."""
    now = timezone.now()
    refusal = make_refusal(None, at=now)
    notice = outbox.of_integration(
        None, kind=NoticeKind.AUTHENTICATION_REFUSED, subject=refusal.pk, at=now, data={"reason": refusal.outcome}
    )
    outbox.store_events([notice], outbox.subscribers(), now=now)


async def send_due() -> None:
    """Send all due deliveries with a new deliverer, as another process would."""
    deliverer = Deliverer()
    await deliverer.start_due()
    await all_sent(deliverer)


async def all_sent(deliverer: Deliverer) -> None:
    """Wait for the tasks that the deliverer has started."""
    await asyncio.gather(*deliverer._working.values(), return_exceptions=True)


def due_again(delivery: Delivery) -> Delivery:
    WebhookEndpoint.objects.update(paused_until=None)
    Delivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now())
    return fresh(delivery)


def fresh(delivery: Delivery) -> Delivery:
    return Delivery.objects.select_related("endpoint", "notice").get(pk=delivery.pk)


def prepare_two(slow: str, quick: str) -> None:
    for name, url in (("slow", slow), ("quick", quick)):
        endpoint = WebhookEndpoint.objects.filter(name=name).first() or make_endpoint(url, name=name)[0]
        webhooks.send_test(endpoint, actor=ANNA)


@override_settings(WEBHOOK_ALLOW_PRIVATE=True)
class WithReceiver(InProcess):
    """Runs a webhook receiver during each test."""

    def run(self, result: Any = None) -> Any:
        with receiver() as self.receiver:
            return super().run(result)

    receiver: Receiver
