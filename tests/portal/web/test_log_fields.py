"""The log formatters write every field that the code passes in `extra`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from portal.web.logs import EXTRA
from tests.support.project import PROJECT

CONTROLS = {"most_in_a_period"}  # fields that the handler reads but does not write


def test_every_field_that_the_portal_logs_is_written() -> None:
    modules = [path for folder in ("integrations", "portal") for path in (PROJECT / folder).rglob("*.py")]
    given = {name for path in modules for name in fields_in(path)}
    assert {"error", "count"} <= given
    assert given - CONTROLS <= {*EXTRA}


def fields_in(path: Path) -> Iterator[str]:
    """Yield the fields of a module's log lines: the keys of each `extra` dictionary, even if a variable holds it."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = [*ast.walk(function)]
            given = [each.value for each in nodes if isinstance(each, ast.keyword) and each.arg == "extra"]
            names = {each.id for value in given for each in ast.walk(value) if isinstance(each, ast.Name)}
            given += [each.value for each in nodes if isinstance(each, ast.Assign) and _target(each) in names]
            for each in (each for value in given for each in ast.walk(value) if isinstance(each, ast.Dict)):
                yield from (str(key.value) for key in each.keys if isinstance(key, ast.Constant))


def _target(assignment: ast.Assign) -> str:
    return getattr(assignment.targets[0], "id", "")
