"""Runs the demo's simulated POSes as a child process that ends with the server."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from portal.operations.demo import ONLINE
from portal.operations.demo_files import DemoFiles

END_SECONDS = 5


@contextmanager
def demo_poses() -> Iterator[None]:
    """Run the POSes until the block ends. If this process is killed, they end because their standard input closes."""
    poses = subprocess.Popen(_command(), stdin=subprocess.PIPE)
    try:
        yield
    finally:
        poses.terminate()
        _wait_until_ended(poses)


def _command() -> list[str]:
    credentials = DemoFiles.of_this_portal().outlets
    return [
        sys.executable,
        str(Path(settings.BASE_DIR) / "manage.py"),
        "simulate_pos",
        f"--count={len(ONLINE)}",
        f"--credentials={credentials}",
        f"--url={settings.PUBLIC_URL}",
        "--until-input-closes",
    ]


def _wait_until_ended(poses: subprocess.Popen[bytes]) -> None:
    try:
        poses.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        poses.kill()
        poses.wait()
    if poses.stdin:
        poses.stdin.close()
