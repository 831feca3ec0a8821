"""The log of real servers is JSON, has the same ID on each line about one call, and holds no private data."""

import json
from typing import Any

import httpx2
import pytest

from tests.live.callers.backend import Backend, order_text, pos_of
from tests.live.callers.clients import authenticate, request
from tests.live.conftest import NewStack
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Server, Stack
from tests.live.stack.waiting import eventually

PRIVATE = "4929-CardHolder-Ada"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("server", ["serve", "daphne"])
def test_the_log_is_json_and_follows_a_call_to_the_pos_and_back(new_stack: NewStack, server: Server) -> None:
    stack = new_stack(server, env={"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"})
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    LEDGER.remember(PRIVATE)
    authenticate(stack, outlet, AuthSecret=f"wrong-{outlet.auth_secret}")
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: backend.is_online(outlet), what="the POS is online")
        answer = ask(backend, outlet, "order-77")
        refused = ask(backend, outlet, "order-78", query=f"?token={outlet.auth_secret}")
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "order-77")
    assert refused.status_code == 422
    by_message = {line["message"]: line for line in lines_of(stack) if line.get("correlation_id") == "order-77"}
    assert list(by_message) == ["Request sent to POS.", "POS answered.", "API call answered."]
    assert {line["traceparent"] for line in by_message.values()} == {TRACE}
    assert by_message["POS answered."]["outlet"] == outlet.provider_outlet_id
    assert by_message["Request sent to POS."]["request_id"] == answer.json()["request_id"]
    assert not LEDGER.leaks(), "also read at the end of the run, with the other logs"


def ask(backend: Backend, outlet: Credentials, correlation_id: str, *, query: str = "") -> httpx2.Response:
    return request(
        backend.stack,
        "POST",
        f"/api/v1/outlets/{outlet.provider_outlet_id}/requests{query}",
        headers=backend.headers | {"X-Request-ID": correlation_id, "traceparent": TRACE},
        content=order_text("GetUserFromPIN", {"PIN": PRIVATE}).encode(),
    )


def lines_of(stack: Stack) -> list[dict[str, Any]]:
    """Return every line of a server's log except daphne's access log, which bypasses logging."""
    texts = stack.log_text().splitlines()
    return [json.loads(text) for text in texts if not text.startswith(("127.0.0.1:", "None - - ["))]
