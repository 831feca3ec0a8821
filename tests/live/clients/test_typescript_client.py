"""The TypeScript package, as `npm pack` builds it, in an empty folder."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.callers.documents import DOCUMENTED_URL, texts_of
from tests.live.clients.conftest import Portal
from tests.live.clients.test_python_client import EXPECTED as EXPECTED_OF_PYTHON
from tests.live.stack.binaries import give_up, need
from tests.live.stack.prepared import prepared
from tests.support.project import PROJECT

PACKAGE = PROJECT / "clients" / "typescript"
SCENARIOS = Path(__file__).with_name("scenarios.mjs")
EXPECTED = EXPECTED_OF_PYTHON | {"five minutes": ["answered", 1], "lost answer": ["answered", 1, 1]}
USE = """
import { Client } from "order-n-pay";

const client = new Client("http://127.0.0.1:8000", "key");
const options = { device_id: "kiosk-1" };
export async function owing(): Promise<number | undefined> {
    const answer = await client.send("harbour", "GetOpenOrders", {}, options);
    // @ts-expect-error: a PIN is required
    await client.send("harbour", "GetUserFromPIN", {}, options);
    return answer.payload?.Orders[0]?.AmountOwing;
}
"""


@pytest.fixture(scope="session")
def folder() -> Path:
    """A folder that has only the built package, and TypeScript's compiler."""
    return prepared("typescript-client", _install) / "caller"


def _install(folder: Path) -> None:
    ignored = shutil.ignore_patterns("node_modules", "dist")
    package = Path(shutil.copytree(PACKAGE, folder / "package", ignore=ignored))
    _npm(package, "install")
    _npm(package, "pack", "--pack-destination", str(folder))
    caller = folder / "caller"
    caller.mkdir()
    (caller / "package.json").write_text('{"private": true, "type": "module"}')
    _npm(caller, "install", str(folder / "order-n-pay-0.1.0.tgz"))


def _npm(folder: Path, *arguments: str) -> None:
    command = [need("npm"), *arguments, "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode:
        give_up(f"npm could not build or install the TypeScript client: {(done.stdout + done.stderr).strip()[-500:]}")


def run(folder: Path, portal: Portal, program: Path, *arguments: str) -> str:
    copy = shutil.copy(program, folder)
    command = [need("node"), str(copy), *arguments]
    done = subprocess.run(command, cwd=folder, env=portal.env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_scenario_ends_as_documented(folder: Path, portal: Portal) -> None:
    assert json.loads(run(folder, portal, SCENARIOS, portal.stack.base_url, portal.lossy_url)) == EXPECTED


def test_its_types_check_what_a_caller_writes_and_have_no_any(folder: Path) -> None:
    (folder / "use.ts").write_text(USE)
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    command = [need("node"), str(folder.parent / "package/node_modules/typescript/bin/tsc"), *options, "use.ts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    for path in (folder / "node_modules" / "order-n-pay" / "dist").glob("*.d.ts"):
        assert not re.search(
            r":\s*any\b|<any\b|\bas any\b", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        ), path


def test_the_examples_of_the_readme_print_what_they_say(folder: Path, portal: Portal) -> None:
    blocks = texts_of("clients/typescript/README.md", "js")
    program = folder.parent / "readme.mjs"
    program.write_text("\n".join(blocks).replace(DOCUMENTED_URL, portal.stack.base_url))
    expected = re.findall(r"console\.log\(.*\); // (.+)$", "\n".join(blocks), flags=re.MULTILINE)
    assert run(folder, portal, program).splitlines() == expected
