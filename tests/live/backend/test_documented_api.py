"""Statements of docs/api.md without an example (tests/portal/operations/test_scripts.py runs its examples), and the
examples of docs/api-outlets.md.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrations.backend.base import problems
from integrations.models.api_key import Scope
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused
from integrations.simulator import BackgroundPos, Credentials, Plan
from tests.live.callers.documents import Reader, blocks_of
from tests.live.conftest import NewStack
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Stack
from tests.support.project import PROJECT

DOCUMENT = (PROJECT / "docs" / "api.md").read_text()
BLOCKS = [block.text for block in blocks_of("docs/api.md") if block.is_python]


@pytest.fixture
def demo(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A portal with the demo's outlets, without their POSes; the demo's key is in the environment."""
    stack = new_stack()
    done = stack.manage("demo")
    assert done.returncode == 0, done.stderr
    LEDGER.remember_generated(secret_of(stack, "outlets.jsonl"))
    LEDGER.remember_generated(secret_of(stack, "api-key"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PORTAL_API_KEY", secret_of(stack, "api-key").strip())
    return stack


def test_the_documented_retry_outlasts_a_slow_pos_and_orders_once(demo: Stack) -> None:
    with harbour(demo, plan=Plan(delay=(2.0, 2.0))) as pos, reader(demo) as run:
        run(BLOCKS[0])
        definitions, _, example = block_with("def send_until_known").partition("\norder =")
        run(definitions)
        run(f"order ={example}".partition("\nfirst =")[0])
        known = 'send_until_known("demo-harbour", "CreateOrder", order, request_id=request_id, timeout=1)'
        assert run(f"print({known}.json()['outcome'])") == ["answered"]
        assert [each.provider_order_id for each in pos.pos.till.orders if each.table == "7"] == ["web-17"]


def test_the_table_of_outcomes_has_every_problem_and_its_status() -> None:
    kinds = [each for each in vars(problems).values() if isinstance(each, problems.ProblemKind)]
    kinds += [problems.of_refusal(each) for each in (FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused)]
    table = DOCUMENT.split("## Outcomes")[1].split("\n## ")[0]
    documented = {
        name: row.split("|")[1]
        for row in table.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[2])
    }
    assert documented.keys() == {kind.name for kind in kinds}
    for kind in kinds:
        assert str(kind.status) in documented[kind.name]


def test_every_block_about_outlets_does_what_it_says(demo: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_API_KEY", demo.create_api_key(*(f"--scope={scope}" for scope in Scope)))
    with reader(demo) as run:
        for block in blocks_of("docs/api-outlets.md"):
            if block.is_python:
                assert run(block.text) == block.expected, block.text


def block_with(text: str) -> str:
    return next(block for block in BLOCKS if text in block)


@contextlib.contextmanager
def reader(stack: Stack) -> Iterator[Callable[[str], list[str]]]:
    """Return a function that runs pieces of Python in one session and returns the printed lines."""
    reader = Reader(stack.base_url, Path(stack.env["DATA_DIR"]), stack.env)
    try:
        yield reader.run_python
    finally:
        reader.close()


@contextlib.contextmanager
def harbour(stack: Stack, plan: Plan | None = None) -> Iterator[BackgroundPos]:
    credentials = Credentials.from_json(secret_of(stack, "outlets.jsonl").splitlines()[0])
    with BackgroundPos(credentials, plan=plan) as pos:
        pos.wait_for_connections()
        yield pos


def secret_of(stack: Stack, name: str) -> str:
    return (Path(stack.env["DATA_DIR"]) / "demo" / name).read_text()
