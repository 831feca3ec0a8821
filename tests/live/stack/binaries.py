"""Find the programs that some tests need, and name the missing ones."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest


def need(name: str, *, folders: Sequence[Path] = ()) -> str:
    """Path of the program; skips the test where it is missing, or fails it when REQUIRE_ALL is set."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))
    if not found:
        give_up(f"{name} is not installed")
    return found


def give_up(reason: str) -> NoReturn:
    """Skip the test for want of a program, or fail it when REQUIRE_ALL says that nothing may be skipped."""
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"{reason}, and REQUIRE_ALL is set")
    pytest.skip(reason)
