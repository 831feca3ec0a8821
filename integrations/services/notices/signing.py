"""Signs webhooks with the symmetric scheme v1 of Standard Webhooks (https://www.standardwebhooks.com). Does no I/O."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from django.views.decorators.debug import sensitive_variables

PREFIX = "whsec_"
SECRET_BYTES = 32
HEADERS = {
    "webhook-id": "Identifies the event: the same in each attempt, and when it is sent again.",
    "webhook-timestamp": "When this attempt was sent, in Unix seconds.",
    "webhook-signature": "`v1,` and the signature; during an overlap of two secrets, two separated by a space.",
}
PURPOSE = "webhook"  # endpoints' secrets are sealed for this purpose (security/sealing.py)


def new_secret() -> str:
    """Return a new secret of 256 random bits in the format that receivers' libraries expect: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


@sensitive_variables()
def headers(webhook_id: str, timestamp: int, body: bytes, signed_with: Iterable[str]) -> dict[str, str]:
    """Return the three headers of one try, with one signature for each secret. `timestamp` is in Unix seconds."""
    signatures = " ".join(_signature(secret, webhook_id, timestamp, body) for secret in signed_with)
    return dict(zip(HEADERS, (webhook_id, str(timestamp), signatures), strict=True))


@sensitive_variables()
def _signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode('ascii')}"
