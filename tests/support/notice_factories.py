"""Creates webhook endpoints, and the rows behind the events that they can subscribe to."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from integrations.models import (
    AuthAttempt,
    Connection,
    Integration,
    Organisation,
    Presence,
    Request,
    UnrecognisedFrame,
    WebhookEndpoint,
)
from integrations.models.attempt import Outcome, PosEndpoint, UnrecognisedFrameKind
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.notices import webhooks
from tests.support.factories import ANNA, make_process


def make_endpoint(
    url: str = "https://hooks.example.com/onp",
    *,
    name: str = "CRM",
    kinds: Sequence[str] = webhooks.SUBSCRIBABLE,
    organisation: Organisation | None = None,
) -> tuple[WebhookEndpoint, str]:
    return webhooks.create_endpoint(name, url=url, kinds=kinds, organisation=organisation, actor=ANNA)


def make_finished_request(integration: Integration, *, ended_at: datetime | None = None, **values: Any) -> Request:
    ended_at = ended_at or timezone.now()
    return Request.objects.create(
        **{
            "integration": integration,
            "request_id": str(uuid.uuid4()),
            "message_type": 4,
            "device_id": "till",
            "payload": '{"Pin":"4711"}',
            "content_digest": "0" * 64,
            "state": RequestState.ANSWERED,
            "received_at": ended_at,
            "send_before": ended_at,
            "answer_before": ended_at,
            "ended_at": ended_at,
            "result_code": 0,
            "answer": '{"Secret":"tables"}',
            **values,
        }
    )


def make_refusal(integration: Integration | None, *, at: datetime | None = None) -> AuthAttempt:
    return AuthAttempt.objects.create(
        at=at or timezone.now(),
        endpoint=PosEndpoint.AUTH,
        outcome=Outcome.WRONG_SECRET,
        integration=integration,
        provider_outlet_id="" if integration is None else integration.outlet.provider_outlet_id,
        address="198.51.100.7",
    )


def make_unrecognised_frame(integration: Integration, *, at: datetime | None = None) -> UnrecognisedFrame:
    return UnrecognisedFrame.objects.create(
        at=at or timezone.now(),
        integration=integration,
        connection_id=uuid.uuid4(),
        kind=UnrecognisedFrameKind.UNKNOWN,
        size=20,
        excerpt='{"Card":"4111"}',
    )


def go_online(integration: Integration, at: datetime) -> Connection:
    """Record that the integration's POS is connected to a process whose heartbeat is never stale."""
    process = make_process(heartbeat_at=at)
    type(process).objects.filter(pk=process.pk).update(heartbeat_at=datetime(2999, 1, 1, tzinfo=at.tzinfo))
    Connection.objects.filter(integration=integration, closed_at=None).update(closed_at=at)
    connection = Connection.objects.create(
        integration=integration,
        credential=integration.current_credential(),
        generation=1,
        process=process,
        opened_at=at,
    )
    _set_presence(integration, at, is_online=True, connection=connection)
    return connection


def go_offline(integration: Integration, at: datetime) -> None:
    """Close the integration's open connection, and record the outlet as offline."""
    open_ones = Connection.objects.filter(integration=integration, closed_at=None)
    open_ones.update(closed_at=at, close_reason=CloseReason.LINK_LOST)
    _set_presence(integration, at, is_online=False)


def _set_presence(integration: Integration, at: datetime, **values: Any) -> None:
    Presence.objects.update_or_create(integration=integration, defaults={"since": at, "last_seen_at": at, **values})
