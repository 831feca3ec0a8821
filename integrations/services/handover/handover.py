"""The values that the portal and PowerEPOS must both know: two IDs and a secret (SPEC), and two URLs."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from integrations.models import Integration
from integrations.wire.endpoints import AUTH_PATH


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """The values for PowerEPOS. The secret is in plain text, so show it once and do not store it."""

    provider_outlet_id: str
    pos_remote_id: str
    auth_secret: str = field(repr=False)
    auth_url: str
    websocket_url: str

    @classmethod
    def of(cls, integration: Integration, secret: str) -> "HandOver":
        return cls(
            provider_outlet_id=integration.outlet.provider_outlet_id,
            pos_remote_id=integration.pos_remote_id,
            auth_secret=secret,
            auth_url=auth_url(),
            websocket_url=websocket_url(),
        )

    def as_wire(self) -> dict[str, str]:
        """Return the values under the names that the protocol gives them."""
        return {
            "ProviderOutletID": self.provider_outlet_id,
            "POSRemoteID": self.pos_remote_id,
            "AuthSecret": self.auth_secret,
            "AuthURL": self.auth_url,
            "WebsocketURL": self.websocket_url,
        }


def auth_url() -> str:
    """Return the URL where a POS requests its token. The specification defines the path."""
    return f"{settings.PUBLIC_URL}{AUTH_PATH}"


def websocket_url() -> str:
    """Return the URL of the websocket: the host of PUBLIC_URL, without a path (SPEC)."""
    public = urlsplit(settings.PUBLIC_URL)
    return f"{'wss' if public.scheme == 'https' else 'ws'}://{public.netloc}"
