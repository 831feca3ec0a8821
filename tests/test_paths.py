"""Every path that a document, a comment or a docstring names exists in the repository."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.project import PROJECT

FOLDERS = ("benchmarks", "deploy", "docs", "integrations", "portal", "script", "templates", "tests")
AT_THE_ROOT = ("*.md", "*.toml", "*.txt", "*.py", ".env.example", "Dockerfile", "compose.yaml")
NOT_OURS = {"node_modules", "__pycache__"}
NOT_OF_TODAY = {"CHANGELOG.md"}  # the changelog also names files that were renamed later
# A path is relative to one of these folders, or to the folder of the file that names it.
ROOTS = (PROJECT, PROJECT / "integrations", PROJECT / "portal")

NAME = re.compile(r"(?<![\w/.:$~<{*@%-])(?:[\w.-]+/)*[\w.-]*\w/?")
OF_A_FILE = re.compile(r"\.(?:py|md|toml|sh|html|js|mjs|css|svg|sql|conf|yaml|yml|txt|lock|service)$")
LISTED = re.compile(r"`([a-z_]+)`")
MODULE = re.compile(rf"-m ((?:{'|'.join(FOLDERS)})(?:\.\w+)*)")
MEDIA_TYPE = re.compile(r"text/(?:html|plain|css|csv|javascript|event-stream)")
ELSEWHERE = {"nginx.conf"}  # a file of nginx, not of this repository

COMMENT = {
    ".html": re.compile(r"\{#(.*?)#\}|\{% comment %\}(.*?)\{% endcomment %\}|<!--(.*?)-->", re.DOTALL),
    ".js": re.compile(r"//(.*)|/\*([\s\S]*?)\*/"),
    ".css": re.compile(r"(/\*[\s\S]*?\*/)"),
}
AFTER_A_HASH = re.compile(r"(?:^|\s)#(.*)", re.MULTILINE)
COMMENTED_BY_A_HASH = {"", ".toml", ".yaml", ".yml", ".conf", ".service", ".sh", ".example", ".txt"}


def files_in(folder: str) -> Iterator[Path]:
    """Yield the files below a folder of the repository; for ``""``, those in its root."""
    if not folder:
        for pattern in AT_THE_ROOT:
            yield from PROJECT.glob(pattern)
    for path in (PROJECT / folder).rglob("*") if folder else ():
        if path.is_file() and not NOT_OURS & set(path.parts):
            yield path


def prose_of(path: Path) -> Iterable[str]:
    """Return the whole text of a document, or the comments and docstrings of any other file."""
    if path.suffix == ".md":
        return [path.read_text()]
    if path.suffix == ".py":
        return _python_prose(path.read_text())
    if path.suffix in COMMENT:
        return ["".join(each) for each in COMMENT[path.suffix].findall(path.read_text())]
    return AFTER_A_HASH.findall(path.read_text()) if path.suffix in COMMENTED_BY_A_HASH else []


def _python_prose(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def missing_in(path: Path) -> list[str]:
    """Return the paths that this file names, but that exist neither in ROOTS nor in the file's own folder."""
    named = {name for text in prose_of(path) for name in paths_in(text)}
    return sorted(name for name in named if not _exists(name, path.parent))


def paths_in(text: str) -> Iterator[str]:
    """Yield each word that looks like a path of this repository, but not URLs, data folders and protocol versions."""
    for name in NAME.findall(text):
        first, slash, _ = name.partition("/")
        is_ours = OF_A_FILE.search(name) or (slash and _is_folder_of_ours(first))
        if is_ours and name not in ELSEWHERE and not MEDIA_TYPE.fullmatch(name):
            yield name
    yield from (name.replace(".", "/") for name in MODULE.findall(text))


def _is_folder_of_ours(name: str) -> bool:
    return name in FOLDERS or (not name.startswith(".") and any((root / name).is_dir() for root in ROOTS[1:]))


def _exists(name: str, folder: Path) -> bool:
    return any((root / name).exists() or (root / f"{name}.py").exists() for root in (*ROOTS, folder))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_every_path_that_documents_and_comments_name_exists(folder: str) -> None:
    named = [path for path in files_in(folder) if path.name not in NOT_OF_TODAY]
    assert named
    missing = {str(path.relative_to(PROJECT)): missing_in(path) for path in named}
    assert {name: paths for name, paths in missing.items() if paths} == {}


def test_every_module_that_the_docstring_of_a_package_lists_exists() -> None:
    layers = [path for root in ROOTS for path in root.iterdir()]
    unknown: dict[str, set[str]] = {}
    for path in (each for package in ("integrations", "portal") for each in (PROJECT / package).rglob("__init__.py")):
        near = [*layers, *path.parent.rglob("*"), *path.parent.parent.iterdir()]
        listed = set(LISTED.findall(ast.get_docstring(ast.parse(path.read_text())) or ""))
        unknown[str(path.relative_to(PROJECT))] = listed - {each.stem for each in near}
    assert {name: modules for name, modules in unknown.items() if modules} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see `services/rows/threads.py`.", ["services/rows/threads.py"]),
        ("(rows/threads.py), and [a guide](docs/api.md)", ["rows/threads.py", "docs/api.md"]),
        ("`python -m benchmarks.storm` writes data/x", ["benchmarks/storm"]),
        ("pos/ and backend/views call services/", ["pos/", "backend/views", "services/"]),
        ("HTTP/1.1, text/html, /api/v1/docs, https://x.example/docs/a.md, and/or", []),
    ],
)
def test_paths_are_distinguished_from_other_words(text: str, found: list[str]) -> None:
    assert list(paths_in(text)) == found
