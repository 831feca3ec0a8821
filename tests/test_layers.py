"""Who may import whom: the doors do not know each other, and the pure modules stay pure."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import integrations
from integrations.pos import door
from integrations.security import credentials, redaction
from integrations.services import errors as exceptions
from integrations.services.integration import enabling
from integrations.services.integration import pos_secrets as secrets

ROOT = Path(integrations.__file__).parent
PURE = (credentials, exceptions, redaction)
DOORS = ("pos", "staff", "backend")


def modules_of(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported_by(file: Path) -> set[str]:
    """Return the full names of the modules and objects that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = _absolute(file, node)
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def file_of(module: ModuleType) -> Path:
    assert module.__file__
    return Path(module.__file__)


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    package = ["integrations", *file.relative_to(ROOT).parts[:-1]]
    kept = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*kept, *([node.module] if node.module else [])])


def imports_within(file: Path, *packages: str) -> set[str]:
    prefixes = tuple(f"integrations.{package}" for package in packages)
    return {name for name in imported_by(file) if any(name == each or name.startswith(f"{each}.") for each in prefixes)}


def test_this_test_sees_imports() -> None:
    assert imports_within(file_of(door), "relay")
    assert imports_within(file_of(enabling), secrets.__name__.removeprefix("integrations."))


@pytest.mark.parametrize("door", DOORS)
def test_a_door_imports_no_other_door(door: str) -> None:
    others = [other for other in DOORS if other != door]
    assert {file: found for file in modules_of(door) if (found := imports_within(file, *others))} == {}


def test_services_and_relay_import_no_door() -> None:
    files = [*modules_of("services"), *modules_of("relay")]
    assert {file: found for file in files if (found := imports_within(file, *DOORS))} == {}


def test_models_import_no_services_no_relay_and_no_door() -> None:
    forbidden = ("services", "relay", *DOORS)
    assert {file: found for file in modules_of("models") if (found := imports_within(file, *forbidden))} == {}


@pytest.mark.parametrize("module", PURE)
def test_the_pure_modules_import_no_models_no_services_and_no_database(module: ModuleType) -> None:
    found = imports_within(file_of(module), "models", "services", "relay", *DOORS)
    assert {name for name in found if not name.startswith(exceptions.__name__)} == set()
    assert not {each for each in imported_by(file_of(module)) if each.startswith("django.db")}


def test_redaction_needs_no_django_at_all() -> None:
    assert not {name for name in imported_by(file_of(redaction)) if name.startswith("django")}


def test_the_simulator_imports_nothing_of_the_server() -> None:
    own = "integrations.simulator"
    for file in modules_of("simulator"):
        assert {
            name for name in imported_by(file) if name.startswith("integrations") and not name.startswith(own)
        } == set()


def test_no_module_of_ours_is_called_after_nothing() -> None:
    empty = {"utils", "helpers", "common", "misc"}
    assert [file for file in ROOT.rglob("*.py") if file.stem in empty] == []


def test_nothing_of_ours_goes_through_signals_of_django() -> None:
    assert [
        file for file in ROOT.rglob("*.py") if {"django.dispatch", "django.db.models.signals"} & imported_by(file)
    ] == []
