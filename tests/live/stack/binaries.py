"""Find the programs that some tests need, and name the missing ones."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest


def need(name: str, *, folders: Sequence[Path] = ()) -> str:
    """Return the program's path. If the program is missing, skip the test, or fail the test if REQUIRE_ALL is set."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))
    if not found:
        give_up(f"{name} is not installed")
    return found


def give_up(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail it when REQUIRE_ALL is set."""
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"{reason}, and REQUIRE_ALL is set")
    pytest.skip(reason)
