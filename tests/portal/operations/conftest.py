"""A copy of this checkout that is not set up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.portal.operations.checkout import copy_project, nothing_was_made


@pytest.fixture(scope="module")
def shared_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def bare(shared_checkout: Path) -> Iterator[Path]:
    """A fresh checkout without .venv, .env and data, shared by tests whose commands must not create them."""
    yield shared_checkout
    assert nothing_was_made(shared_checkout)
