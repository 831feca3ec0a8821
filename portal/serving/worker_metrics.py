"""Adds up the metrics of one server's worker processes (prometheus_client's multiprocess mode).

Called by the process that starts the workers. The workers write their counts to one folder. A worker's environment
must name this folder before the worker imports prometheus_client. Start workers as new programs (exec, spawn). Do not
fork a process that has already imported prometheus_client.
"""

import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def create_folder(folder: Path) -> dict[str, str]:
    """Create the empty folder, readable by its owner only; return the variable that the workers' environment needs.

    Files of an earlier run are deleted, because their counts would be added to those of this run.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return {VARIABLE: str(folder)}


def mark_worker_dead(folder: Path, pid: int) -> None:
    """Remove a dead worker's gauges (for example, open sockets) from the sums. The worker's counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
