"""The Python package, as pip builds it, works in a new virtual environment."""

import json
from pathlib import Path

import pytest
from django.db.models import Model

from integrations.models import AnsweredCall, AuditEvent, Credential, Integration, Organisation, Outlet
from tests.live.callers.documents import DOCUMENTED_URL, blocks_of
from tests.live.clients.conftest import Portal
from tests.live.clients.packages import PYTHON_PACKAGE, run_python

SCENARIOS = Path(__file__).with_name("scenarios.py")
EXPECTED = {
    "five minutes": ["answered", 1, "Decimal"],
    "offline": [503, "pos-offline"],
    "refusal": ["refused", 4],
    "any request_id": [True, True],
    "submitted": ["answered", True],
    "pages": ["demo-airport", "demo-harbour", "demo-station"],
    "webhook": ["webhook.test", "forged"],
}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_each_scenario_ends_as_documented(python: str, portal: Portal, kind: str) -> None:
    printed = json.loads(run_python(python, portal.env, str(SCENARIOS), portal.stack.base_url, portal.lossy_url, kind))
    outcome, same, all_orders = printed.pop("lost answer")
    assert (outcome, same) == ("answered", 1)
    # One order for each run so far (sync, then async), although each answer was lost once.
    assert all_orders == len({"sync", kind})
    assert printed == EXPECTED


def test_the_examples_of_the_readme_print_what_they_say(python: str, portal: Portal) -> None:
    blocks = [block for block in blocks_of("clients/python/README.md") if block.is_python]
    program = "\n".join(block.text for block in blocks).replace(DOCUMENTED_URL, portal.stack.base_url)
    expected = [line for block in blocks for line in block.expected]
    printed = run_python(python, portal.env, "-c", program).splitlines()
    assert [line for line in printed if line in expected] == expected


def test_the_onboarding_example_changes_nothing_in_its_second_run(python: str, portal: Portal) -> None:
    example = str(PYTHON_PACKAGE / "examples" / "onboard.py")
    first = run_python(python, portal.env, example, "Osteria Mare", "20")
    rows = onboarded_rows(portal)
    assert run_python(python, portal.env, example, "Osteria Mare", "20") == first
    assert onboarded_rows(portal) == rows
    assert len(rows[Credential]) >= 2 * 20
    lines = first.splitlines()
    assert lines[:2] == ["created: 20 rotated: 20", "disabled: 10"]
    assert lines[2] == "events: outlet.disabled 10 outlet.enabled 20 secret.rotated 20"
    assert "Waiting for the till's first attempt." in lines[3]


def onboarded_rows(portal: Portal) -> dict[type[Model], list[tuple[object, ...]]]:
    """Return every row of the tables that onboarding writes to."""
    models = (Organisation, Outlet, Integration, Credential, AuditEvent, AnsweredCall)
    return {each: portal.stack.rows(f"SELECT * FROM {each._meta.db_table} ORDER BY id") for each in models}  # noqa: S608
