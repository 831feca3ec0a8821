"""Checks the signatures of webhooks with the Standard Webhooks library."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from standardwebhooks.webhooks import Webhook

from order_n_pay import _json


class WebhookEvent(BaseModel):
    """An event. All attempts to deliver it have the same `id`, so process each ID once."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


def verify_webhook(secret: str, body: bytes | str, headers: Mapping[str, str]) -> WebhookEvent:
    """Check a webhook's signature, and return its event. Pass `body` exactly as it was received.

    Raises standardwebhooks.WebhookVerificationError if the signature is wrong or too old.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    text = body.decode() if isinstance(body, bytes) else body
    Webhook(secret).verify(text, lower)
    return WebhookEvent(id=lower["webhook-id"], **_json.read(text))
