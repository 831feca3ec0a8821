"""The environment of a supervisor's workers: the supervisor's own, completed from `.env`.

`.env` is read once for all workers, at the start and at each restart by SIGHUP. A respawned worker gets the same values
as the others, even if `.env` has changed since. The workers do not read `.env` themselves.
"""

import asyncio
import os
import sys

from django.conf import settings

from portal.env_file import EnvFileError, read

SECONDS = 60.0  # seconds that the check of the settings may take
LONGEST = 500  # an error quotes at most this many characters, from the end of the check's error output


class InvalidSettings(Exception):
    """The settings in `.env` are invalid. The text names the setting and contains no value."""


def worker_environment() -> dict[str, str]:
    """Return the environment, completed with the current values of `.env`. Raises InvalidSettings."""
    own = {name: value for name, value in os.environ.items() if name not in settings.ENV_FILE_NAMES}
    try:
        from_file = read(settings.ENV_FILE)
    except EnvFileError as error:
        raise InvalidSettings(str(error)) from None
    return own | {name: value for name, value in from_file.items() if not own.get(name)} | {settings.ENV_FILE_READ: "1"}


async def check(environment: dict[str, str]) -> None:
    """Check the settings in a separate process. Raises InvalidSettings."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
    except TimeoutError:
        raise InvalidSettings(f"The check of the settings took longer than {SECONDS:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise InvalidSettings(" ".join(errors.decode(errors="replace").split())[-LONGEST:])
