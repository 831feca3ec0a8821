"""The Python package, as `pip wheel` builds it, in a new virtual environment."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from django.db.models import Model

from integrations.models import AnsweredCall, AuditEvent, Credential, Integration, Organisation, Outlet
from tests.live.callers.documents import DOCUMENTED_URL, blocks_of
from tests.live.clients.conftest import Portal
from tests.live.stack.binaries import give_up
from tests.live.stack.prepared import prepared
from tests.support.project import PROJECT

PACKAGE = PROJECT / "clients" / "python"
SCENARIOS = Path(__file__).with_name("scenarios.py")
EXPECTED = {
    "five minutes": ["answered", 1, "Decimal"],
    "offline": [503, "pos-offline"],
    "refusal": ["refused", 4],
    "submitted": ["answered", True],
    "pages": ["demo-airport", "demo-harbour", "demo-station"],
    "webhook": ["webhook.test", "forged"],
}


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment that has only the built package."""
    return str(prepared("python-client", _install) / "environment" / "bin" / "python")


def _install(folder: Path) -> None:
    venv.create(folder / "environment", with_pip=True, symlinks=True)
    python = str(folder / "environment" / "bin" / "python")
    for command in (
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(PACKAGE)],
        [python, "-m", "pip", "install", f"{folder}/order_n_pay-0.1.0-py3-none-any.whl"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
        if done.returncode:
            give_up(f"pip could not build or install the Python client: {done.stderr.strip()[-500:]}")


def run(python: str, portal: Portal, *arguments: str) -> str:
    """Return the output of a program in the clean environment."""
    done = subprocess.run(
        [python, *arguments], env=portal.env, cwd="/", capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_each_scenario_ends_as_documented(python: str, portal: Portal, kind: str) -> None:
    printed = json.loads(run(python, portal, str(SCENARIOS), portal.stack.base_url, portal.lossy_url, kind))
    outcome, same, all_orders = printed.pop("lost answer")
    assert (outcome, same) == ("answered", 1)
    assert all_orders == len({"sync", kind})  # one order for each run, although each answer was lost once
    assert printed == EXPECTED


def test_the_examples_of_the_readme_print_what_they_say(python: str, portal: Portal) -> None:
    blocks = [block for block in blocks_of("clients/python/README.md") if block.is_python]
    program = "\n".join(block.text for block in blocks).replace(DOCUMENTED_URL, portal.stack.base_url)
    expected = [line for block in blocks for line in block.expected]
    printed = run(python, portal, "-c", program).splitlines()
    assert [line for line in printed if line in expected] == expected


def test_the_onboarding_example_changes_nothing_in_its_second_run(python: str, portal: Portal) -> None:
    example = str(PACKAGE / "examples" / "onboard.py")
    first = run(python, portal, example, "Osteria Mare", "20")
    rows = onboarded_rows(portal)
    assert run(python, portal, example, "Osteria Mare", "20") == first
    assert onboarded_rows(portal) == rows
    assert len(rows[Credential]) >= 2 * 20
    lines = first.splitlines()
    assert lines[:2] == ["created: 20 rotated: 20", "disabled: 10"]
    assert "Waiting for the till's first attempt." in lines[3]


def onboarded_rows(portal: Portal) -> dict[type[Model], list[tuple[object, ...]]]:
    """Return every row of the tables that onboarding writes to."""
    models = (Organisation, Outlet, Integration, Credential, AuditEvent, AnsweredCall)
    return {each: portal.stack.rows(f"SELECT * FROM {each._meta.db_table} ORDER BY id") for each in models}  # noqa: S608
