"""Limits each server process to a part of a core, so other processes have CPU time left, as on a larger machine."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PERIOD = 20_000  # microseconds of the quota's period; a short period keeps the pauses of a limited process short
ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))  # the roots of cgroup version 1, and of version 2
NAME = "storm-benchmark"


@contextmanager
def shares(pids: Sequence[int], share: float) -> Iterator[None]:
    """Limit each process to `share` of a core until the end of the block, or exit if that fails. 1 means no limit."""
    if share >= 1:
        yield
        return
    root = next((each for each in ROOTS if _bounds(each)), None)
    if root is None:
        sys.exit("--core-share: there is no cgroup controller of CPU time")
    groups = {pid: root / f"{NAME}-{pid}" for pid in pids}
    try:
        _fill(groups, int(PERIOD * share))
        yield
    finally:
        for group in groups.values():
            _take_apart(group)


def _fill(groups: Mapping[int, Path], quota: int) -> None:
    try:
        for pid, group in groups.items():
            group.mkdir()
            _bound(group, pid, quota)
    except OSError as error:
        sys.exit(f"--core-share: {error.strerror}: {error.filename}")


def _bound(group: Path, pid: int, quota: int) -> None:
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{quota} {PERIOD}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    (group / "cgroup.procs").write_text(str(pid))


def _bounds(root: Path) -> bool:
    if (root / "cpu.cfs_quota_us").exists() or (root / "cpu.shares").exists():
        return True
    offered = root / "cgroup.subtree_control"
    return offered.exists() and "cpu" in offered.read_text().split()


def _take_apart(group: Path) -> None:
    """Remove a group, after moving its remaining processes to the root group."""
    if not group.exists():
        return
    for pid in (group / "cgroup.procs").read_text().split():
        (group.parent / "cgroup.procs").write_text(pid)
    group.rmdir()
