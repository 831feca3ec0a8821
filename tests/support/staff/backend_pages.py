"""URLs of the staff pages of API keys, message types and requests, and the requests that tests show on them."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from integrations.models import ApiKey, MessageType, Request
from integrations.models.request import RequestState
from tests.support.factories import Enabled


def key_url(key: ApiKey) -> str:
    return reverse("admin:integrations_apikey_change", args=(key.pk,))


def type_url(name: str) -> str:
    return reverse("admin:integrations_messagetype_change", args=(MessageType.objects.get(name=name).pk,))


def request_url(row: Request) -> str:
    return reverse("admin:integrations_request_change", args=(row.pk,))


def ask(enabled: Enabled, request_id: str = "r-1", **values: Any) -> Request:
    """Create a request that the POS answered after 1.5 seconds; `values` override its columns."""
    now = values.pop("received_at", timezone.now() - timedelta(hours=1))
    row = {
        "integration": enabled.integration,
        "request_id": request_id,
        "message_type": 1,
        "device_id": "kiosk-1",
        "payload": "{}",
        "content_digest": "0" * 64,
        "received_at": now,
        "send_before": now + timedelta(seconds=30),
        "answer_before": now + timedelta(seconds=60),
        "sent_at": now + timedelta(milliseconds=12),
        "times_sent": 1,
        "state": RequestState.ANSWERED,
        "ended_at": now + timedelta(seconds=1.5),
        "result_code": 0,
        "answer": "{}",
    }
    return Request.objects.create(**(row | values))


def waiting(now: datetime) -> dict[str, Any]:
    open_ended: dict[str, Any] = {"sent_at": None, "ended_at": None, "answer": None, "result_code": None}
    return open_ended | {"state": RequestState.QUEUED, "times_sent": 0, "received_at": now}
