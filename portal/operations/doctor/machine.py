"""Checks the machine: the limit of open files, and free disk space."""

import os
import resource
import shutil
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from integrations.models import Integration
from portal.operations.doctor.finding import Finding, advice, fine, wrong

BESIDE_SOCKETS = 200  # descriptors for the database, the log, Redis, libraries, and API calls
GIB = 1024**3
LEAST_FREE, LITTLE_FREE = 1 * GIB, 5 * GIB


def file_limit() -> Iterator[Finding]:
    """Check that one process can open a socket for each enabled outlet."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    outlets = _enabled_outlets()
    needed = outlets + outlets // 10 + BESIDE_SOCKETS
    if limit != resource.RLIM_INFINITY and limit < needed:
        todo = f"Raise it above {needed}: LimitNOFILE= in systemd, ulimits in compose, ulimit -n in a shell."
        yield wrong("files", f"A process can open only {limit} files, but {outlets} outlets are enabled.", todo)
        return
    yield fine("files", f"A process can open {_spelled(limit)} files; {outlets} outlets are enabled.")


def disk() -> Iterator[Finding]:
    """Check that DATA_DIR has free space, and is writable if the embedded database is in it."""
    folder = settings.DATA_DIR
    if connection.vendor == "sqlite" and not os.access(folder, os.W_OK | os.X_OK):
        todo = (
            f"Change the owner of {folder} to the user that runs the portal (chown), or set DATA_DIR to another folder."
        )
        yield wrong("disk", f"This user cannot write to {folder}, which contains the database.", todo)
        return
    if not folder.is_dir():
        yield fine("disk", f"{folder} does not exist; the database is elsewhere.")
        return
    free = shutil.disk_usage(folder).free
    what = f"{free / GIB:.1f} GiB are free on the disk of {folder}."
    todo = f"Free some space, or move DATA_DIR ({folder}) to a larger disk."
    if free < LEAST_FREE:
        yield wrong("disk", what, todo)
    elif free < LITTLE_FREE:
        yield advice("disk", what, todo)
    else:
        yield fine("disk", what)


def _enabled_outlets() -> int:
    try:
        return Integration.objects.filter(is_enabled=True).count()
    except (DatabaseError, InterfaceError):
        return 0


def _spelled(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else str(limit)
