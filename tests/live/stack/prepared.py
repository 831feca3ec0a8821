"""Files that many tests need and that take long to create: created once for all workers of a test run."""

import atexit
import fcntl
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.live.stack.processes import plain_environment
from tests.support.project import PROJECT

_folders: list[Path] = []


def use_folder(folder: Path) -> None:
    """Keep prepared files in this folder, which the workers of one test run share."""
    _folders[:] = [folder]


def prepared(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled. The first worker that needs it calls `make`, and the others wait."""
    parent = _folder()
    folder = parent / name
    with (parent / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=name, dir=parent))
            make(unfinished)
            unfinished.rename(folder)
    return folder


def migrate(database_url: str, folder: Path) -> None:
    """Apply all migrations to this database with `manage.py migrate`; `folder` is its DATA_DIR."""
    places = {"SECRET_KEY": secrets.token_urlsafe(48), "DATA_DIR": str(folder), "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        capture_output=True,
        text=True,
        check=False,
        env=plain_environment() | places | {"REDIS_URL": ""},
        cwd=PROJECT,
    )
    assert done.returncode == 0, f"migrate failed: {done.stderr}"


def _folder() -> Path:
    """Return the folder of the test run. If no fixture has set one, create a folder that only this process uses."""
    if not _folders:
        folder = Path(tempfile.mkdtemp(prefix="portal-prepared-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _folders.append(folder)
    return _folders[0]
