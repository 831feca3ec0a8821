"""Create the installation in a checkout of commit cd0fc3e, and write its database as SQL.

    git worktree add /tmp/old cd0fc3e
    .venv/bin/python -m tests.live.operations.upgrade.make_dump /tmp/old

The script replaces installation.sql, and prints the generated secrets, which must be copied to values.py. It sets every
expiry to the year 2100, to keep the tests independent of the date.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.live.operations.upgrade.values import KEYS
from tests.live.stack.processes import plain_environment

HERE = Path(__file__).resolve().parent
DUMP = HERE / "installation.sql"
ENDING = {
    "integrations_credential": ["expires_at"],
    "integrations_apikeysecret": ["expires_at"],
    "integrations_handoverlink": ["expires_at"],
    "integrations_request": ["send_before", "answer_before"],
}
FAR = "2100-01-01 00:00:00"


def make(checkout: Path) -> None:
    """Write the dump. Raises CalledProcessError when the old code fails."""
    with tempfile.TemporaryDirectory() as folder:
        env = plain_environment() | KEYS | {"DATA_DIR": folder, "PYTHONPATH": os.fspath(HERE)}
        manage = partial(subprocess.run, env=env | {"WEBHOOK_ALLOW_PRIVATE": "true"}, cwd=checkout, check=True)
        manage([sys.executable, "manage.py", "migrate", "--verbosity=0"])
        manage([sys.executable, "manage.py", "shell", "--no-imports"], input=(HERE / "old_code.py").read_bytes())
        with closing(sqlite3.connect(f"{folder}/portal.sqlite3")) as database:
            _postpone(database)
            DUMP.write_text("\n".join(database.iterdump()) + "\n", encoding="utf-8")


def _postpone(database: sqlite3.Connection) -> None:
    with database:
        for table, columns in ENDING.items():
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", [FAR])  # noqa: S608


if __name__ == "__main__":
    make(Path(sys.argv[1]))
