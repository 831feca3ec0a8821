"""docs/private_apis.md lists the private parts of libraries that the product uses, and nothing else."""

import re
from typing import NamedTuple

import pytest

from tests.support.private_apis import Use, private_uses
from tests.support.project import PROJECT


class Row(NamedTuple):
    """One row of the document's tables."""

    name: str
    files: tuple[str, ...]
    test: str


def rows() -> list[Row]:
    lines = (PROJECT / "docs/private_apis.md").read_text().splitlines()
    cells = [re.findall(r"`([^`]+)`", cell) for line in lines if line.startswith("| `") for cell in line.split(" | ")]
    names, files, _, tests = (cells[start::4] for start in range(4))
    return [Row(name, tuple(used), test) for (name,), used, (test,) in zip(names, files, tests, strict=True)]


@pytest.mark.slow
def test_every_private_api_that_the_code_uses_has_a_row_and_every_row_is_used() -> None:
    documented = {Use(file, row.name) for row in rows() for file in row.files}
    used = private_uses()
    assert documented - used == set(), "the document names what the code does not use"
    assert used - documented == set(), "docs/private_apis.md lacks a row"


def test_every_test_that_the_document_names_exists() -> None:
    for row in rows():
        file, _, name = row.test.partition("::")
        assert f"def {name}(" in (PROJECT / file).read_text(), f"{row.name}: {row.test}"


def test_a_private_api_has_one_row() -> None:
    names = [row.name for row in rows()]
    assert len(names) == len(set(names)) > 20
