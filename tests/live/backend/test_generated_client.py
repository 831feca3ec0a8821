"""The client that openapi-python-client generates from the OpenAPI document works, and mypy accepts it."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from tests.live.callers.backend import Backend, pos_of
from tests.live.stack.processes import plain_environment
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

PACKAGE = "generated"
CALLS = """
import os
import sys

from generated import AuthenticatedClient
from generated.api.outlets import list_outlets, send_request
from generated.models import (
    CreateOrderOrder, GetOpenOrdersAnswer, GetOpenOrdersOrder, GetUserFromPINAnswer, GetUserFromPINOrder,
    OrderNPayCreateOrderRequest, OrderNPayGetOpenOrdersRequest, OrderNPayGetUserFromPINRequest, OutcomeEnum,
    OutletPage, PosOfflineProblem, UnknownOutletProblem,
)

url, online, offline = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=os.environ["PORTAL_API_KEY"], raise_on_unexpected_status=True)
orders = GetOpenOrdersOrder(
    message_type="GetOpenOrders", device_id="kiosk-1", user_identifier="1234", payload=OrderNPayGetOpenOrdersRequest(),
)


def lacks_fields() -> None:
    CreateOrderOrder(
        message_type="CreateOrder", device_id="kiosk-1",
        payload=OrderNPayCreateOrderRequest(provider_order_id="1"),  # type: ignore[call-arg]
    )


with client:
    page = list_outlets.sync(client=client)
    assert isinstance(page, OutletPage)
    assert {outlet.provider_outlet_id: outlet.online for outlet in page.results} == {online: True, offline: False}

    answer = send_request.sync(online, client=client, body=orders)
    assert isinstance(answer, GetOpenOrdersAnswer) and answer.payload is not None
    assert answer.outcome is OutcomeEnum.ANSWERED
    assert answer.payload.orders[0].amount_owing > 0

    wrong_pin = GetUserFromPINOrder(
        message_type="GetUserFromPIN", device_id="kiosk-1", payload=OrderNPayGetUserFromPINRequest(pin="0000"),
    )
    refusal = send_request.sync(online, client=client, body=wrong_pin)
    assert isinstance(refusal, GetUserFromPINAnswer)
    assert (refusal.outcome, refusal.result_code) == (OutcomeEnum.REFUSED, 4)

    problem = send_request.sync(offline, client=client, body=orders)
    assert isinstance(problem, PosOfflineProblem)
    assert problem.status == 503
    assert isinstance(send_request.sync("nowhere", client=client, body=orders), UnknownOutletProblem)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated client and a program that uses it."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "api.yaml").write_bytes(Client().get("/api/v1/schema").content)
    (folder / "calls.py").write_text(CALLS)
    (folder / "config.yml").write_text("post_hooks: []")  # by default, the generator formats the code with ruff
    options = ["--path", "api.yaml", "--output-path", PACKAGE, "--meta", "none", "--config", "config.yml"]
    printed = run(folder, "-m", "openapi_python_client", "generate", "--fail-on-warning", *options)
    assert "arning" not in printed
    return folder


def run(folder: Path, *arguments: str, key: str = "") -> str:
    """Run Python in the folder, and return its output."""
    environment = plain_environment() | {"PORTAL_API_KEY": key, "NO_PROXY": "*", "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_mypy_accepts_the_generated_client_and_finds_what_a_caller_forgets(folder: Path) -> None:
    # mypy must not read pyproject.toml, because its [tool.mypy] section names the plug-ins for Django.
    options = ["--strict", "--config-file=", "--cache-dir=/dev/null"]
    run(folder, "-m", "mypy", *options, PACKAGE, "calls.py")


def test_the_generated_client_gets_typed_answers_and_problems(folder: Path, stack: Stack) -> None:
    online, offline = stack.supply_outlet(), stack.supply_outlet()
    backend = Backend.of(stack)
    with pos_of(online):
        eventually(lambda: backend.is_online(online))
        run(folder, "calls.py", stack.base_url, online.provider_outlet_id, offline.provider_outlet_id, key=backend.key)
