"""Send due webhook deliveries on the event loop. Each endpoint has its own task, so a slow one delays no other.

Before a process sends a delivery, it claims the delivery by moving `next_at` in the row forward by CLAIM, so no other
process sends it. If the process is killed, the delivery is due again after CLAIM.
"""

import asyncio
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx2
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Q

from integrations.models import Delivery, Notice, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.models.notices.webhook import DeliveryState
from integrations.security.sealing import SealBroken, unseal
from integrations.services import metrics
from integrations.services.notices import outbox, posting, signing, webhooks
from integrations.services.notices.posting import DeliveryResult
from integrations.services.rows.threads import recorders

# The waits after failed tries, as Standard Webhooks proposes. If the try after the last wait fails, so does the
# delivery.
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
DISABLE_AFTER_DAYS = 5  # disable an endpoint that had no success for this long; longer than a long weekend
JITTER = 0.1
CLAIM = timedelta(seconds=120)  # longer than CLAIMED_AT_ONCE deliveries can take
CLAIMED_AT_ONCE = 32
AT_ONCE_PER_ENDPOINT = 8
AT_ONCE = 64

WRITTEN = ("tries", "tried_at", "status", "duration_ms", "error", "excerpt", "state", "ended_at", "next_at")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """A claimed delivery with everything that is needed to send it."""

    pk: int
    tries: int
    endpoint_id: int
    url: str = field(repr=False)  # may contain secrets of the receiver
    webhook_id: str
    body: bytes = field(repr=False)
    traceparent: str
    secrets: tuple[str, ...] = field(repr=False)


class Deliverer:
    """Sends due deliveries. Each process has one; use it on the event loop only."""

    def __init__(self) -> None:
        self._working: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def start_due(self) -> None:
        """Start a task for each endpoint that has due deliveries and no task yet. Does not wait for the tasks."""
        for endpoint_id in await recorders.run(endpoints_due):
            if endpoint_id not in self._working:
                task = asyncio.create_task(self._work(endpoint_id))
                self._working[endpoint_id] = task
                task.add_done_callback(lambda _, pk=endpoint_id: self._working.pop(pk, None))  # type: ignore[misc]

    async def end(self) -> None:
        """Cancel all sending. Claimed deliveries are due again when their claim expires."""
        tasks = list(self._working.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, endpoint_id: int) -> None:
        try:
            async with posting.new_client() as client:
                while messages := await recorders.run(claim, endpoint_id):
                    await self._send_all(client, messages)
        except (DatabaseError, InterfaceError) as error:
            details = {"endpoint": endpoint_id, "error": str(error)}
            logger.warning("Webhook deliveries were postponed because the database is unavailable.", extra=details)
        except Exception:
            logger.exception("Webhook deliveries failed and will be retried.", extra={"endpoint": endpoint_id})

    async def _send_all(self, client: httpx2.AsyncClient, messages: Sequence[Message]) -> None:
        """Send a batch of messages; stop after the first answer with `Retry-After`."""
        own = asyncio.Semaphore(AT_ONCE_PER_ENDPOINT)
        is_paused = False

        async def one(message: Message) -> DeliveryResult | None:
            nonlocal is_paused
            async with own, self._slots:
                if is_paused:
                    return None
                answer = await try_once(client, message)
                is_paused = is_paused or answer.retry_after > 0
                return answer

        answers = await asyncio.gather(*(one(message) for message in messages))
        for outcome in await recorders.run(settle, list(zip(messages, answers, strict=True))):
            metrics.webhook_attempts[outcome].inc()


async def try_once(client: httpx2.AsyncClient, message: Message) -> DeliveryResult:
    """Sign a message with the current time and send it once."""
    if not message.secrets:
        return DeliveryResult(None, "The endpoint's secret cannot be decrypted with the configured keys. Rotate it.")
    timestamp = int(shared_now().timestamp())
    headers = signing.headers(message.webhook_id, timestamp, message.body, message.secrets)
    if message.traceparent:
        headers["traceparent"] = message.traceparent
    return await posting.post(client, message.url, message.body, headers)


def endpoints_due() -> list[int]:
    """Return the ids of enabled endpoints that have due deliveries."""
    # Iterate over the endpoints, not the deliveries, because the check of an endpoint is one index look-up.
    due = Delivery.objects.due(shared_now())
    ids = WebhookEndpoint.objects.filter(is_enabled=True).values_list("pk", flat=True)
    return [pk for pk in ids if due.filter(endpoint=pk).exists()]


def claim(endpoint_id: int) -> list[Message]:
    """Claim the next due deliveries of an endpoint. No other process sends them until CLAIM has passed."""
    now = shared_now()
    due = Delivery.objects.due(now).filter(endpoint=endpoint_id).order_by("next_at", "id")
    with transaction.atomic():
        locked = due.select_for_update(of=("self",), skip_locked=True)
        rows = list(locked.select_related("endpoint", "notice")[:CLAIMED_AT_ONCE])
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(next_at=now + CLAIM)
    return [_message(row, now) for row in rows]


@transaction.atomic
def settle(claimed: Sequence[tuple[Message, DeliveryResult | None]]) -> list[str]:
    """Store the results of one endpoint's tries and the times of the next tries, and return the outcomes.

    A result of None means that the message was not tried, because of a pause.
    """
    now = shared_now()
    # Lock the endpoint first, as `webhooks.replay` does, to avoid a deadlock.
    endpoint = WebhookEndpoint.objects.select_for_update(of=("self",)).filter(pk=claimed[0][0].endpoint_id).first()
    if endpoint is None:  # it was deleted during the tries, with its deliveries
        return []
    tried = [(message, answer) for message, answer in claimed if answer is not None]
    pending = Delivery.objects.select_for_update().filter(state=DeliveryState.PENDING)
    rows = pending.in_bulk([message.pk for message, _ in tried])
    for message, answer in tried:
        if row := rows.get(message.pk):
            _fill_in(row, message, answer, now)
    Delivery.objects.bulk_update(rows.values(), WRITTEN)
    answers = [answer for _, answer in tried]
    _hold(endpoint, answers, [message.pk for message, answer in claimed if answer is None], now)
    _judge(endpoint, answers, now)
    return ["retried" if row.state == DeliveryState.PENDING else row.state for row in rows.values()]


def body_of(notice: Notice) -> bytes:
    """Return the body of an event: the same bytes at each try."""
    return json.dumps(outbox.content_of(notice), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _message(row: Delivery, now: datetime) -> Message:
    endpoint = row.endpoint
    return Message(
        pk=row.pk,
        tries=row.tries,
        endpoint_id=endpoint.pk,
        url=endpoint.url,
        webhook_id=row.notice.webhook_id,
        body=body_of(row.notice),
        traceparent=row.notice.data.get("traceparent", ""),
        secrets=_secrets(endpoint, now),
    )


def _secrets(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    sealed = [endpoint.sealed_secret, *([endpoint.sealed_older_secret] if endpoint.has_overlap(now) else [])]
    try:
        return tuple(unseal(each, purpose=signing.PURPOSE) for each in sealed)
    except SealBroken:
        return ()


def _fill_in(row: Delivery, message: Message, answer: DeliveryResult, now: datetime) -> None:
    row.tries = message.tries + 1
    row.tried_at, row.status, row.duration_ms = now, answer.status, answer.duration_ms
    row.error, row.excerpt = answer.error[:300], answer.excerpt
    _decide(row, answer, now)


def _decide(row: Delivery, answer: DeliveryResult, now: datetime) -> None:
    if not answer.error:
        row.state, row.ended_at = DeliveryState.DELIVERED, now
        return
    if row.tries > len(SCHEDULE):
        row.state, row.ended_at = DeliveryState.FAILED, now
        return
    wait = SCHEDULE[row.tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  (spreads load, hides nothing)
    row.next_at = now + max(wait, _pause_of(answer))


def _pause_of(answer: DeliveryResult) -> timedelta:
    """Return the pause that a receiver asked for, limited to the longest wait between two tries."""
    return min(timedelta(seconds=answer.retry_after), SCHEDULE[-1])


def _hold(endpoint: WebhookEndpoint, answers: Sequence[DeliveryResult], unsent: Sequence[int], now: datetime) -> None:
    """Pause an endpoint for as long as its `Retry-After` asks: postpone its pending and future deliveries."""
    pause = max(map(_pause_of, answers))
    if not pause:
        return
    until = now + pause
    endpoint.paused_until = max(until, endpoint.paused_until or until)
    endpoint.save(update_fields=["paused_until"])
    waiting = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.PENDING)
    waiting.filter(Q(next_at__lt=until) | Q(pk__in=unsent)).update(next_at=until)


def _judge(endpoint: WebhookEndpoint, answers: Sequence[DeliveryResult], now: datetime) -> None:
    """Record when an endpoint began to fail. Disable it if it has failed for too long, or if it answered 410 Gone."""
    if any(answer.status == posting.GONE for answer in answers):
        _disable_failing(endpoint, "The receiver answered 410 Gone: it wants no more events.")
        return
    failing_since = None if any(not answer.error for answer in answers) else endpoint.failing_since or now
    if failing_since != endpoint.failing_since:
        endpoint.failing_since = failing_since
        endpoint.save(update_fields=["failing_since"])
    if failing_since and failing_since <= now - timedelta(days=DISABLE_AFTER_DAYS):
        _disable_failing(endpoint, f"Every delivery failed for {DISABLE_AFTER_DAYS} days.")


def _disable_failing(endpoint: WebhookEndpoint, reason: str) -> None:
    if endpoint.is_enabled:
        webhooks.disable_failing(endpoint, reason=reason)
