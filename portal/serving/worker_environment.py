"""The environment of a supervisor's workers: the supervisor's own, with what `.env` says at one moment.

All workers get the same until the next restart in turn, one that replaces a dead worker too, whatever somebody writes
into `.env` meanwhile. They read no `.env` themselves.
"""

import asyncio
import os
import sys

from django.conf import settings

from portal.env_file import EnvFileError, read

SECONDS = 60.0  # that the settings have to be read
LONGEST = 500  # characters of a complaint


class Unusable(Exception):
    """`.env` cannot be used as it is. The text names the setting, and holds no value."""


def worker_environment() -> dict[str, str]:
    """Return what the environment and `.env` say now. Raises Unusable."""
    own = {name: value for name, value in os.environ.items() if name not in settings.ENV_FILE_NAMES}
    try:
        from_file = read(settings.ENV_FILE)
    except EnvFileError as error:
        raise Unusable(str(error)) from None
    return own | {name: value for name, value in from_file.items() if not own.get(name)} | {settings.ENV_FILE_READ: "1"}


async def check(environment: dict[str, str]) -> None:
    """Let a process of its own read the settings and check them. Raises Unusable."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            _, complaint = await process.communicate()
    except TimeoutError:
        raise Unusable(f"They were not read within {SECONDS:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise Unusable(" ".join(complaint.decode(errors="replace").split())[-LONGEST:])
