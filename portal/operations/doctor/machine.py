"""What the machine lends: file descriptors and space on its disk."""

import os
import resource
import shutil
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from integrations.models import Integration
from portal.operations.doctor.finding import Finding, advice, fine, wrong

BESIDE_SOCKETS = 200  # database, log, Redis, libraries, and calls of the backend
GIB = 1024**3
LEAST_FREE, LITTLE_FREE = 1 * GIB, 5 * GIB


def file_limit() -> Iterator[Finding]:
    """Whether one process may hold a socket for each enabled outlet."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    outlets = _enabled_outlets()
    needed = outlets + outlets // 10 + BESIDE_SOCKETS
    if limit != resource.RLIM_INFINITY and limit < needed:
        todo = f"Raise it above {needed}: LimitNOFILE= in systemd, ulimits in compose, ulimit -n in a shell."
        yield wrong("files", f"A process here may open {limit} files, and {outlets} outlets are enabled.", todo)
        return
    yield fine("files", f"A process here may open {_spelled(limit)} files; {outlets} outlets are enabled.")


def disk() -> Iterator[Finding]:
    """Whether DATA_DIR has room, and can be written where it has to be."""
    folder = settings.DATA_DIR
    if connection.vendor == "sqlite" and not os.access(folder, os.W_OK | os.X_OK):
        todo = f"chown it to the user that runs the portal, or set DATA_DIR to another folder than {folder}."
        yield wrong("disk", f"This user cannot write to {folder}, where the database is kept.", todo)
        return
    if not folder.is_dir():
        yield fine("disk", f"There is no {folder}, and the database is elsewhere.")
        return
    free = shutil.disk_usage(folder).free
    what = f"{free / GIB:.1f} GiB are free where {folder} is."
    todo = f"Make room, or move DATA_DIR ({folder}) to a larger disk."
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
