"""The settings, read from an environment that a test gives."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.project import PROJECT

PUBLIC_URL = "import sys; sys.argv = ['x']; from portal import settings; print(settings.PUBLIC_URL)"


def read_settings(variables: dict[str, str], *, project: Path = PROJECT) -> dict[str, Any]:
    """Read the settings anew, with these variables alone; the running ones stay as they are.

    `project` is the folder that holds `.env`, and `portal/settings.py` or a copy of it.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DATA_DIR") if name in os.environ}
    with mock.patch.dict(os.environ, kept | {"SECRET_KEY": "x" * 50} | variables, clear=True):  # they add what .env has
        return runpy.run_path(str(project / "portal" / "settings.py"))
