"""Third-party tools accept the OpenAPI document, and generate types from it that a strict compiler accepts."""

import re
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from tests.live.callers.clients import NODE_FOLDER, node_packages
from tests.live.stack.binaries import need
from tests.support.project import PROJECT

CALLS = """
import type { components } from "./api.js";

type Order = components["schemas"]["Order"];
type Answer = components["schemas"]["Answer"];

const fits: Order = {
    message_type: "GetOpenOrders", device_id: "kiosk-1",
    payload: { ServiceModeEntityID: "", UserOrdersOnly: false },
};
const isFreeOfTypes: Order = { message_type: 77, device_id: "kiosk-1", payload: { Anything: [1] } };
// @ts-expect-error: the payload of CreateOrder has required fields
const lacksFields: Order = { message_type: "CreateOrder", device_id: "kiosk-1", payload: { ProviderOrderID: "1" } };

export function amountOwing(answer: Answer): number | undefined {
    if (answer.message_type === "GetOpenOrders") return answer.payload?.Orders[0]?.AmountOwing;
    if (answer.message_type === "CreateOrder") return answer.payload?.Order?.AmountOwing;
    return undefined;
}
export { fits, isFreeOfTypes, lacksFields };
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the document and the packages of tests/clients."""
    folder = tmp_path_factory.mktemp("generated")
    node_packages()
    (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    (folder / "api.yaml").write_bytes(Client().get("/api/v1/schema").content)
    return folder


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program of the installed Node packages in the folder, and return its output."""
    command = [need("node"), f"node_modules/.bin/{program}", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_redocly_finds_neither_an_error_nor_a_warning(folder: Path) -> None:
    output = run(folder, "redocly", "lint", "--extends", "recommended", "--format", "json", "api.yaml")
    assert '"problems": []' in output, output


def test_typescript_types_are_complete_and_tell_the_message_types_apart(folder: Path) -> None:
    run(folder, "openapi-typescript", "api.yaml", "--output", "api.ts")
    committed = PROJECT / "clients/typescript/src/api.ts"
    assert (folder / "api.ts").read_text() == committed.read_text(), "call script/clients"
    types = re.sub(r"/\*.*?\*/", "", (folder / "api.ts").read_text(), flags=re.DOTALL)
    assert not re.search(r"\bany\b", types)
    (folder / "calls.ts").write_text(CALLS)
    options = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--noUncheckedIndexedAccess")
    run(folder, "tsc", *options, "api.ts", "calls.ts")
