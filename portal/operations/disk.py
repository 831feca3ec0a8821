"""Flushes changes to disk, to make them survive a loss of power."""

import os
from pathlib import Path


def flush_folder(folder: Path) -> None:
    """Flush a folder to disk, and with it the names of files that were created or replaced in it. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
