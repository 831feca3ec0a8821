"""Reads the settings from environment variables that a test chooses."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.project import PROJECT

PUBLIC_URL = "import sys; sys.argv = ['x']; from portal import settings; print(settings.PUBLIC_URL)"


def read_settings(variables: dict[str, str], *, project: Path = PROJECT) -> dict[str, Any]:
    """Return the settings for these variables only; the settings of this process do not change.

    `project` is the folder that holds `.env`, and `portal/settings.py` or a copy of it.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DATA_DIR") if name in os.environ}
    # Reading the settings adds the variables of .env to os.environ, which is restored afterwards.
    with mock.patch.dict(os.environ, kept | {"SECRET_KEY": "x" * 50} | variables, clear=True):
        return runpy.run_path(str(project / "portal" / "settings.py"))
