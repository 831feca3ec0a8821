"""Rules beyond the import contracts in pyproject.toml: imports of Django, names of modules, and sizes."""

import ast
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest

from integrations import security, text, wire
from integrations.security import redaction
from tests.support.project import PROJECT

ROOT = PROJECT / "integrations"


def imported_by(file: Path) -> set[str]:
    """Return the full names of the modules and objects that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def django_imports(file: Path, prefix: str) -> set[str]:
    return {name for name in imported_by(file) if name == prefix or name.startswith(f"{prefix}.")}


def texts_in(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_imports_of_a_file_are_found() -> None:
    assert django_imports(ROOT / "models" / "outlet.py", "django.db")


def test_each_folder_and_module_of_integrations_is_in_a_layer() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {name for each in contracts for line in each.get("layers", ()) for name in line.split(" | ")}
    without_imports = {"__init__", "apps", "migrations"}  # apps.py only names the application and registers its checks
    found = {each.stem for each in ROOT.iterdir() if each.suffix == ".py" or any(each.glob("**/*.py"))}
    assert {f"integrations.{name}" for name in found - without_imports} == layers - {"portal"}


@pytest.mark.parametrize("package", [security, text, wire])
def test_pure_code_uses_no_database(package: ModuleType) -> None:
    files = Path(package.__path__[0]).rglob("*.py")
    assert {file: found for file in files if (found := django_imports(file, "django.db"))} == {}


def test_redaction_needs_no_django_at_all() -> None:
    assert not django_imports(Path(str(redaction.__file__)), "django")


def test_each_path_of_an_endpoint_is_defined_once() -> None:
    own = {ROOT / "wire" / "endpoints.py", ROOT / "simulator" / "credentials.py"}
    files = {*ROOT.rglob("*.py"), *(PROJECT / "portal").rglob("*.py")} - own
    texts = {(file, each) for file in files for each in texts_in(file) if each.startswith(("/api/", "/handover/"))}
    assert texts == set()


def test_no_object_is_created_from_values_in_the_order_of_its_fields() -> None:
    files = {*ROOT.rglob("*.py"), *(PROJECT / "portal").rglob("*.py")}
    calls = [(file, node) for file in files for node in ast.walk(ast.parse(file.read_text())) if is_call(node)]
    unpacked = [(file, call) for file, call in calls if any(isinstance(each, ast.Starred) for each in call.args)]
    names = {(file, ast.unparse(call.func).rpartition(".")[2].lstrip("_")) for file, call in unpacked}
    of_libraries = {"Case", "Q", "GaugeMetricFamily"}
    assert {(file, name) for file, name in names if name[0].isupper() and name not in of_libraries} == set()


def test_no_module_has_a_meaningless_name() -> None:
    empty = {"utils", "helpers", "common", "misc"}
    assert [file for file in ROOT.rglob("*.py") if file.stem in empty] == []


def test_no_code_uses_django_signals() -> None:
    assert [
        file for file in ROOT.rglob("*.py") if {"django.dispatch", "django.db.models.signals"} & imported_by(file)
    ] == []


def test_no_function_is_longer_than_30_lines_and_no_file_than_350() -> None:
    sources = [path for root in (ROOT, PROJECT / "portal") for path in root.rglob("*.py")]
    texts = {path: path.read_text() for path in sources if "migrations" not in path.parts}
    assert [path for path, text in texts.items() if text.count("\n") > 350] == []
    functions = [
        (path, node) for path, text in texts.items() for node in ast.walk(ast.parse(text)) if is_function(node)
    ]
    assert [(path, node.name) for path, node in functions if (node.end_lineno or 0) - node.lineno >= 30] == []


def is_call(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call)


def is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def test_no_folder_has_more_than_15_modules() -> None:
    counts = Counter(path.parent for path in ROOT.rglob("*.py") if path.stem != "__init__")
    # Django looks for migrations and commands directly in their folders, and not in folders below.
    exempt = {ROOT / "simulator", ROOT / "migrations", ROOT / "management/commands"}
    assert {folder: count for folder, count in counts.items() if count > 15 and folder not in exempt} == {}


def test_every_package_has_a_docstring() -> None:
    packages = [path for root in (ROOT, PROJECT / "portal") for path in root.rglob("__init__.py")]
    without = [path.parent.name for path in packages if not ast.get_docstring(ast.parse(path.read_text()))]
    assert without == ["migrations"]
