"""The credentials that staff enter at a POS (three values and two addresses), and their validation."""

import json
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

from integrations.simulator import json_text, till_messages

AUTH_PATH = "/api/powerepos/v1/auth"


class WrongCredentialsError(ValueError):
    """The values or addresses are invalid. The text is one sentence and never contains the secret."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    provider_outlet_id: str
    pos_remote_id: str
    auth_secret: str = field(repr=False)
    auth_url: str
    websocket_url: str

    def __post_init__(self) -> None:
        values = (self.provider_outlet_id, self.pos_remote_id, self.auth_secret)
        if not all(till_messages.is_text(value) for value in values):
            raise WrongCredentialsError("One of the three values is empty or not valid text.")

    @classmethod
    def for_portal(cls, url: str, *, provider_outlet_id: str, pos_remote_id: str, auth_secret: str) -> Self:
        """Return credentials with both addresses derived from `url`, the portal's address without a path.

        Raises WrongCredentialsError.
        """
        auth_url, websocket_url = addresses_of(url)
        return cls(
            provider_outlet_id=provider_outlet_id,
            pos_remote_id=pos_remote_id,
            auth_secret=auth_secret,
            auth_url=auth_url,
            websocket_url=websocket_url,
        )

    @classmethod
    def from_json(cls, text: str, *, url: str | None = None) -> Self:
        """Return credentials from the output of `enable_outlet --format json`; `url` overrides its addresses.

        Raises WrongCredentialsError.
        """
        values = _read_object(text)
        auth_url, websocket_url = addresses_of(url) if url else _addresses_in(values)
        return cls(
            provider_outlet_id=_text_value(values, "ProviderOutletID"),
            pos_remote_id=_text_value(values, "POSRemoteID"),
            auth_secret=_text_value(values, "AuthSecret"),
            auth_url=auth_url,
            websocket_url=websocket_url,
        )


def addresses_of(url: str) -> tuple[str, str]:
    """Return the auth and the websocket address of a portal such as `https://orders.example.com`.

    Raises WrongCredentialsError.
    """
    parts = _split(url, schemes=("http", "https"), name="The URL")
    if parts.path not in ("", "/"):
        raise WrongCredentialsError("The URL must not have a path. Example: http://127.0.0.1:8000.")
    websocket_scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{parts.scheme}://{parts.netloc}{AUTH_PATH}", f"{websocket_scheme}://{parts.netloc}/"


def _addresses_in(values: dict[str, object]) -> tuple[str, str]:
    auth_url = _text_value(values, "AuthURL")
    websocket_url = _text_value(values, "WebsocketURL")
    _split(auth_url, schemes=("http", "https"), name="AuthURL")
    parts = _split(websocket_url, schemes=("ws", "wss"), name="WebsocketURL")
    return auth_url, urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", ""))


def _split(url: str, *, schemes: tuple[str, str], name: str) -> SplitResult:
    """Split and check an address. Addresses must be safe to display, so a login, query or fragment is refused."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise WrongCredentialsError(f"{name} is not a valid address.") from None
    if parts.scheme not in schemes or not has_host or not url.isprintable() or " " in url:
        raise WrongCredentialsError(f"{name} must begin with {schemes[0]}:// or {schemes[1]}:// and a host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise WrongCredentialsError(f"{name} must not have a login, query or fragment.")
    return parts


def _read_object(text: str) -> dict[str, object]:
    try:
        value = json_text.read(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise WrongCredentialsError(f"The credentials are not JSON (see {where}).") from None
    except ValueError:
        raise WrongCredentialsError("The credentials are not JSON.") from None
    if not isinstance(value, dict):
        raise WrongCredentialsError("The credentials must be the JSON object that enable_outlet prints.")
    return till_messages.folded(value)


def _text_value(values: dict[str, object], key: str) -> str:
    value = values.get(key.casefold())
    if not till_messages.is_text(value):
        raise WrongCredentialsError(f"The credentials lack {key}, or it is not text.")
    return value
