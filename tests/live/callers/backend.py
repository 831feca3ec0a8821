"""Acts as one of the provider's own systems: calls `/api/v1/` with an API key, and builds the orders to send."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from integrations import simulator
from integrations.simulator.example import MANAGER, SOUP, TABLES
from tests.live.callers.clients import request
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

API = "/api/v1"
NUMBERS = simulator.DEFAULT_NUMBERS
ENDED = ("answered", "refused", "expired", "cancelled", "failed")
COLUMNS = ("state", "times_sent", "failure", "payload", "answer")

Json = dict[str, Any]


@dataclass(frozen=True)
class Backend:
    """Calls one server process; `at` returns a backend that calls another with the same key."""

    stack: Stack
    key: str = field(repr=False)

    @classmethod
    def of(cls, stack: Stack, *arguments: str) -> Self:
        """Create a backend with a new key; the arguments go to the command `create_api_key`."""
        return cls(stack, stack.create_api_key(*arguments))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def at(self, stack: Stack) -> "Backend":
        return Backend(stack, self.key)

    def get(self, path: str) -> httpx2.Response:
        """Request a path below /api/v1/, the absolute path of a Location header, or the URL of a `next` link."""
        return request(self.stack, "GET", _below(path), headers=self.headers)

    def post(self, path: str, body: str = "") -> httpx2.Response:
        return request(self.stack, "POST", _below(path), headers=self.headers, content=body.encode())

    def ask(
        self, outlet: Credentials, method: str | int, payload: str | Json | None = None, **options: Any
    ) -> httpx2.Response:
        """Send a request as the manager; a payload that is text is sent unchanged."""
        return self.post(f"outlets/{outlet.provider_outlet_id}/requests", order_text(method, payload, **options))

    def is_online(self, outlet: Credentials) -> bool:
        """Return whether the API shows the outlet as online.

        The API shows this while the outlet's POS is connected and the server process with the connection is alive.
        """
        return self.get(f"outlets/{outlet.provider_outlet_id}").json()["online"] is True

    def outcome(self, location: str, *, timeout: float = 20) -> Json:
        """Return the request at this path once it has ended; raise AssertionError after the timeout."""
        return eventually(lambda: self._ended(location), timeout=timeout, what=f"{location} has ended")

    def _ended(self, location: str) -> Json:
        """Return the request at this path, or an empty dict while it is still open."""
        found: Json = self.get(location).json()
        return found if found["state"] in ENDED else {}


def order_text(method: str | int, payload: str | Json | None = None, **options: Any) -> str:
    """Return the JSON body of an API call that sends a request to the POS."""
    number = NUMBERS[method] if isinstance(method, str) else method
    values = {"message_type": number, "device_id": "kiosk-1", "user_identifier": MANAGER.user_id} | options
    spelled = payload if isinstance(payload, str) else json.dumps(payload or {})
    return f'{json.dumps(values)[:-1]}, "payload": {spelled}}}'


def soup(provider_order_id: str = "", *, table: str = "7") -> Json:
    """Return the payload of a CreateOrder: one soup for a table."""
    return {
        "ProviderOrderID": provider_order_id or str(uuid.uuid4()),
        "ServiceModeID": TABLES.service_mode_id,
        "ServiceModeEntityID": table,
        "Products": [{"ProductType": 0, "Name": SOUP.name, "Quantity": 1, "PLUIdentifier": SOUP.plu_number}],
    }


def kind_of(answer: httpx2.Response) -> str:
    """Return the last part of the type of a problem response (RFC 9457)."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return str(problem["type"]).rpartition(":")[2]


def requests_of(stack: Stack, outlet: Credentials) -> list[Json]:
    """Return the database rows of the outlet's requests, in order of arrival."""
    query = (
        f"SELECT integrations_request.request_id, {', '.join(COLUMNS)} FROM integrations_request"  # noqa: S608
        " JOIN integrations_integration ON integrations_integration.id = integration_id"
        " JOIN integrations_outlet ON integrations_outlet.id = outlet_id"
        " WHERE provider_outlet_id = %s ORDER BY integrations_request.id"
    )
    rows = stack.rows(query, outlet.provider_outlet_id)
    return [dict(zip(("request_id", *COLUMNS), row, strict=True)) for row in rows]


def pos_credentials(outlet: Credentials) -> simulator.Credentials:
    """Convert these credentials to the simulator's class of the same name."""
    return simulator.Credentials(
        provider_outlet_id=outlet.provider_outlet_id,
        pos_remote_id=outlet.pos_remote_id,
        auth_secret=outlet.auth_secret,
        auth_url=outlet.auth_url,
        websocket_url=outlet.websocket_url,
    )


def outlet_at(stack: Stack, outlet: Credentials) -> Credentials:
    """Return the outlet's credentials with the URLs of `stack`, one of several servers over the same database."""
    authority = urlsplit(stack.base_url).netloc
    urls = (urlsplit(url)._replace(netloc=authority).geturl() for url in (outlet.auth_url, outlet.websocket_url))
    return replace(outlet, **dict(zip(("auth_url", "websocket_url"), urls, strict=True)))


def pos_of(outlet: Credentials, **options: Any) -> simulator.BackgroundPos:
    """Return a till that connects when its block begins, and reconnects within 0.2 s after a lost connection."""
    return simulator.BackgroundPos(pos_credentials(outlet), timing=simulator.Timing(longest_pause=0.2), **options)


def orders_by_id(till: simulator.Till) -> dict[str, int]:
    """Return how many orders the till has with each ProviderOrderID; orders without one are left out."""
    found: dict[str, int] = {}
    for order in till.orders:
        if order.provider_order_id:
            found[order.provider_order_id] = found.get(order.provider_order_id, 0) + 1
    return found


Begin = Callable[..., "Future[httpx2.Response]"]


@contextmanager
def callers(count: int = 1) -> Iterator[Begin]:
    """Yield a function that starts a call in a thread: `begin(backend.ask, outlet, ...)` returns a Future."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool.submit
    finally:
        pool.shutdown(cancel_futures=True)


def _below(path: str) -> str:
    url = urlsplit(path)
    if url.netloc:  # a `next` link
        return f"{url.path}?{url.query}"
    return path if path.startswith("/") else f"{API}/{path}"
