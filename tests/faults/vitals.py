"""Measures the resources of a local process from outside."""

from dataclasses import dataclass
from typing import Self

import psutil

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Vitals:
    """Resident memory in MiB, and the numbers of open files and threads."""

    memory: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Self:
        process = psutil.Process(pid)
        with process.oneshot():
            return cls(process.memory_info().rss / MEBIBYTE, process.num_fds(), process.num_threads())
