"""The two tills of docs/tutorials/write-a-till.md, against a real server."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrations.wire.payloads.checking import check
from tests.live.callers.backend import Backend, Json, soup
from tests.live.callers.clients import NODE_FOLDER, authenticate, connect_with_node, node_packages, token_for
from tests.live.stack.binaries import need
from tests.live.stack.processes import plain_environment
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

TUTORIALS = Path(__file__).parents[3] / "docs/tutorials"
PROGRAMS = pytest.mark.parametrize("program", ["till.py", "till.mjs"])


@contextmanager
def running_till(program: str, outlet: Credentials, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the tutorial's till programs in `folder`, and kill it at the end.

    The outlet's values are in `folder`/outlet.json.
    """
    shutil.copy(TUTORIALS / program, folder)
    addresses = {"AuthURL": outlet.auth_url, "WebsocketURL": outlet.websocket_url}
    (folder / "outlet.json").write_text(json.dumps(outlet.as_request() | addresses))
    interpreter = sys.executable
    if program.endswith(".mjs"):
        node_packages()
        (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
        interpreter = need("node")
    with subprocess.Popen([interpreter, program, "outlet.json"], cwd=folder, env=plain_environment()) as process:
        try:
            yield process
        finally:
            process.kill()


@PROGRAMS
def test_the_till_answers_each_message_type(stack: Stack, tmp_path: Path, program: str) -> None:
    outlet, backend = stack.supply_outlet(), Backend.of(stack)

    def ask(method: str, payload: Json) -> Json:
        answer: Json = backend.ask(outlet, method, payload).json()
        assert (answer["outcome"], answer["result_code"]) == ("answered", 0), answer
        found: Json = answer["payload"]
        check(json.dumps(found), f"OrderNPay{method}Response")
        return found

    with running_till(program, outlet, tmp_path):
        eventually(lambda: backend.is_online(outlet), what="the till is online")
        assert ask("GetUserFromPIN", {"PIN": "1234"})["CanMakePayments"] is True
        one = {"SalesTransactionID": ask("CreateOrder", soup())["Order"]["SalesTransactionID"]}
        assert len(ask("UpdateOrder", one | {"Products": soup()["Products"]})["Order"]["Products"]) == 2
        paid = ask("CreatePayment", one | {"Payment": {"Name": "visa", "AmountSale": 5}})["OrderSummary"]
        assert (paid["SalesTransactionID"], paid["Amount"] - paid["AmountOwing"]) == (one["SalesTransactionID"], 5)
        assert len(ask("GetOpenOrders", {"UserOrdersOnly": False})["Orders"]) == 1
        for method, payload in (("UpdateOrder", {"SalesTransactionID": "none", "Products": []}), (99, one)):
            refused = backend.ask(outlet, method, payload).json()
            assert (refused["outcome"], refused["result_code"]) == ("refused", 1)


@PROGRAMS
def test_the_till_connects_again_after_its_connection_was_closed(stack: Stack, tmp_path: Path, program: str) -> None:
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    with running_till(program, outlet, tmp_path):
        eventually(lambda: backend.is_online(outlet), what="the till is online")
        stack.disable(outlet)
        eventually(lambda: not backend.is_online(outlet), what="the till is offline")
        stack.reenable(outlet)
        eventually(lambda: backend.is_online(outlet), timeout=40, what="the till is online again")


@PROGRAMS
def test_the_till_ends_when_another_till_replaces_it(stack: Stack, tmp_path: Path, program: str) -> None:
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    with running_till(program, outlet, tmp_path) as till:
        eventually(lambda: backend.is_online(outlet), what="the till is online")
        with connect_with_node(f"{stack.ws_url}?token={token_for(stack, outlet)}"):
            assert till.wait(timeout=20) == 1


@PROGRAMS
def test_the_tutorial_contains_the_whole_program(program: str) -> None:
    assert (TUTORIALS / program).read_text() in (TUTORIALS / "write-a-till.md").read_text()


def test_the_command_of_the_tutorial_prints_what_the_till_reads(stack: Stack) -> None:
    page = (TUTORIALS / "write-a-till.md").read_text()
    [command] = re.findall(r"manage\.py (enable_outlet .*?) > outlet\.json", page, re.DOTALL)
    printed = stack.manage(*shlex.split(command.replace("\\\n", ""))).stdout
    outlet = Credentials.from_json(json.loads(printed))
    assert authenticate(stack, outlet).status_code == 200
