"""Only the owner of the SQLite file can read it, and a second connection does not release the first one's lock."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from portal.sqlite import PrivateConnection

OTHER_PROCESS = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    sys.exit(str(error))
"""


def test_only_its_owner_can_read_a_new_file(tmp_path: Path) -> None:
    file = tmp_path / "portal.sqlite3"
    with closing(PrivateConnection(str(file))) as connection:
        connection.execute("CREATE TABLE a (b)")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.processes
def test_another_connection_of_the_process_does_not_release_the_lock_of_the_first(tmp_path: Path) -> None:
    file = str(tmp_path / "portal.sqlite3")
    with closing(PrivateConnection(file, isolation_level=None)) as first:
        first.execute("CREATE TABLE a (b)")
        first.execute("BEGIN IMMEDIATE")
        with closing(PrivateConnection(file)):
            command = [sys.executable, "-c", OTHER_PROCESS, file]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "database is locked" in done.stderr
