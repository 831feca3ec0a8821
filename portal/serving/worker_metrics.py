"""Lets the worker processes of one server count together (prometheus_client's multiprocess mode).

For whoever starts the workers. Nothing of prometheus_client may be imported by a worker before the folder stands in its
environment: start workers as programs of their own (exec, spawn), not by a fork of a process that has settled.
"""

import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def make_folder(folder: Path) -> dict[str, str]:
    """Make the folder anew, for its owner alone; return what the workers' environment needs.

    What an earlier run left there would be added up with this one's.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return {VARIABLE: str(folder)}


def forget(folder: Path, pid: int) -> None:
    """Take a worker that has ended out of the sums of what is open now; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
