"""The simulated POS imports no module of the server."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import PROJECT

SERVER_PACKAGES = {"", "integrations", "portal", "django", "channels", "rest_framework", "tests"}


def simulator_files() -> list[Path]:
    return sorted((PROJECT / "integrations" / "simulator").rglob("*.py"))


def imported_names(source: str) -> Iterator[str]:
    """Yield the full name of each import anywhere in a module, with the leading dots of a relative import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def is_of_the_server(name: str) -> bool:
    if name.startswith("integrations.simulator."):
        return False
    return name.partition(".")[0] in SERVER_PACKAGES


@pytest.mark.parametrize("path", simulator_files(), ids=lambda path: path.name)
def test_the_simulator_imports_nothing_of_the_server(path: Path) -> None:
    assert [name for name in imported_names(path.read_text()) if is_of_the_server(name)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import django",
        "from django.conf import settings",
        "from integrations import models",
        "def f():\n    from integrations.pos.tokens import issue",
        "from .. import services",
        "from integrations.simulator_extra import x",
    ],
)
def test_an_import_of_the_server_would_be_noticed(source: str) -> None:
    assert any(is_of_the_server(name) for name in imported_names(source))


@pytest.mark.parametrize("module", ["importlib", "builtins"])
def test_the_simulator_imports_nothing_by_name_at_run_time(module: str) -> None:
    text = "".join(path.read_text() for path in simulator_files())
    assert f"import {module}" not in text
    assert "__import__" not in text
