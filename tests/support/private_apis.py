"""Finds the private names of libraries that the product's source imports, uses, overrides and replaces.

A module is private if it is called `internal`, begins with an underscore or ends with `_impl`. Any other name is
private if it begins with an underscore. The standard library is left out, and so are documented names like `_meta`.
"""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeGuard

from tests.support.project import PROJECT

OURS = ("integrations", "portal")
DOCUMENTED = {"_meta", "_default_manager", "_asdict"}
DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Use(NamedTuple):
    """A private name that a file uses. If it is a private module, `name` is the module's dotted name."""

    file: str
    name: str


def private_uses() -> set[Use]:
    """Return every private name of a library that integrations/ and portal/ use."""
    return {Use(str(path.relative_to(PROJECT)), name) for path in _sources() for name in _private_names(path)}


def _sources() -> Iterator[Path]:
    for package in OURS:
        for path in (PROJECT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def _private_names(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    yield from (module for module in _imported(tree) if _is_private_module(module))
    yield from _foreign_names(tree)
    yield from _replaced(tree)
    yield from _overridden(path, tree)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the library modules that this file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and _is_library(node.module):
            yield from (_module_of(node.module, each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if _is_library(each.name))


def _module_of(module: str, name: str) -> str:
    """Return `module.name` if that is a module (`from allauth.core.internal import ratelimit`), else `module`."""
    is_package = hasattr(importlib.import_module(module), "__path__")
    return f"{module}.{name}" if is_package and find_spec(f"{module}.{name}") else module


def _is_library(module: str) -> bool:
    first = module.partition(".")[0]
    return first not in OURS and first not in sys.stdlib_module_names


def _is_private_module(module: str) -> bool:
    return any(part == "internal" or part.startswith("_") or part.endswith("_impl") for part in module.split("."))


def _foreign_names(tree: ast.AST) -> Iterator[str]:
    """Yield the private attributes that this file reads or sets, and that the product's source does not define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in _own_names():
            yield node.attr


def _replaced(tree: ast.AST) -> Iterator[str]:
    """Yield each attribute that this file replaces with its own function or class, except on `self` and `cls`."""
    defined = {each.name for each in ast.walk(tree) if isinstance(each, DEFINITION)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in defined:
            for target in node.targets:
                if isinstance(target, ast.Attribute) and not _is_self(target.value):
                    yield target.attr


def _overridden(path: Path, tree: ast.AST) -> Iterator[str]:
    """Yield the private names that this file's classes override in a library's base class."""
    name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    own = {each for each in _defined(tree) if _is_private(each)}
    for cls in vars(importlib.import_module(name)).values():
        if inspect.isclass(cls) and cls.__module__ == name:
            libraries = [each for each in cls.__mro__ if _is_library(each.__module__)]
            defined = {key for each in cls.__mro__ if each not in libraries for key in vars(each)}
            for base in libraries:
                yield from own & defined & vars(base).keys()


def _defined(tree: ast.AST) -> set[str]:
    """Return the names of the functions, classes and variables that a source file defines."""
    found = {each.name for each in ast.walk(tree) if isinstance(each, DEFINITION)}
    return found | {
        each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.strip("_") != "" and name not in DOCUMENTED


@cache
def _own_names() -> frozenset[str]:
    """Return every name that the product's source defines, or sets on `self` or `cls`."""
    found: set[str] = set()
    for path in _sources():
        tree = ast.parse(path.read_text())
        found |= _defined(tree)
        found |= {each.attr for each in ast.walk(tree) if _is_stored(each) and _is_self(each.value)}
    return frozenset(found)


def _is_stored(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
