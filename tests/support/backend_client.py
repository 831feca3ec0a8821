"""A backend that calls the API, and a POS that sends the answers chosen by the test. Both run in this process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from integrations.models import MessageType, Organisation
from integrations.services.api_keys.api_keys import create_api_key
from tests.support.asgi_client import POS_ADDRESS, Answer, PosSocket, Run, authenticate, http_scope, request
from tests.support.factories import ANNA, Enabled, make_enabled_outlet
from tests.support.in_process import in_main

API = "/api/v1"


@dataclass(frozen=True)
class Backend:
    """A system of the provider that calls the API, with its API key."""

    key: str

    @classmethod
    async def make(cls, name: str = "kiosk", **options: Any) -> Self:
        return cls((await in_main(create_api_key, name, actor=ANNA, **options))[1])

    async def get(self, path: str) -> Answer:
        return await request("GET", f"{API}/{path}", headers=self._headers)

    async def post(self, path: str, body: str | bytes = b"", **headers: str) -> Answer:
        """Send a POST. Write header names with underscores: `Idempotency_Key="k"`."""
        content = body.encode() if isinstance(body, str) else body
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await request("POST", f"{API}/{path}", [content], headers=self._headers | more)

    async def call(self, method: str, path: str, *, once: str | None = None, **values: Any) -> Answer:
        """Send the values as a JSON object, or no body if there are no values. `once` is the Idempotency-Key."""
        content = json.dumps(values).encode() if values else b""
        headers = self._headers | ({"Idempotency-Key": once} if once else {})
        return await request(method, f"{API}/{path}", [content], headers=headers)

    async def ask(self, outlet: Enabled, payload: str = "{}", **options: Any) -> Answer:
        """Send a request; the payload is JSON text, sent unchanged."""
        return await self.post(_path(outlet), _body(payload, options))

    def begin(
        self, outlet: Enabled, payload: str = "{}", *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Run:
        """Return a request that is sent on entering `async with`; the caller can await its answer later."""
        scope = http_scope("POST", f"{API}/{_path(outlet)}", self._headers | dict(headers or {}), POS_ADDRESS)
        return _Begun(scope, body=_body(payload, options).encode())

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class _Begun(Run):
    def __init__(self, scope: dict[str, Any], *, body: bytes) -> None:
        super().__init__(scope)
        self._body = body

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.send({"type": "http.request", "body": self._body, "more_body": False})
        return self


class Pos(PosSocket):
    """A connected POS; the test sends each of its answers."""

    @classmethod
    async def of(cls, outlet: Enabled) -> Self:
        answer = await authenticate(outlet.handover.as_wire())
        return cls(answer.json()["AccessToken"])

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.connect()
        return self

    async def next_frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads((await self.next())["text"])
        return frame

    def answers(self, frame: dict[str, Any], payload: str = "{}", *, code: int = 0, error: str | None = None) -> None:
        """Answer a frame; the payload is JSON text, sent unchanged."""
        values = {"RequestID": frame["RequestID"], "ResultCode": code, "ErrorMessage": error, "MessageType": 1}
        self.send_text(json.dumps(values)[:-1] + f', "Payload": {payload}}}')


async def make_outlet(name: str = "Station") -> Enabled:
    return await in_main(make_enabled_outlet, name)


def know(name: str, number: int | None) -> MessageType:
    """Return a message type that the portal ships; create it if a test with real transactions emptied the table."""
    values = {"number": number, "payload_model": f"OrderNPay{name}Request"}
    return MessageType.objects.update_or_create(name=name, defaults=values)[0]


def organisation(name: str) -> Organisation:
    return Organisation.objects.get_or_create(name=name)[0]


def _path(outlet: Enabled) -> str:
    return f"outlets/{outlet.handover.provider_outlet_id}/requests"


def _body(payload: str, options: dict[str, Any]) -> str:
    values = {"message_type": 1, "device_id": "kiosk-1"} | options
    return json.dumps(values)[:-1] + f', "payload": {payload}}}'
