"""A private PostgreSQL that runs the installed binaries; its data is deleted at the end."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from tests.live.stack.binaries import give_up, need
from tests.live.stack.prepared import migrate, prepared
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.waiting import eventually

SUPERUSER = "portal"
MIGRATED = "portal_migrated"  # the migrated, empty database that is the template of each stack's database
SETTINGS = {
    # These two settings lose no data, because tests kill the server but not the machine. synchronous_commit must stay
    # on: if it were off, a killed server would lose commits.
    "fsync": "off",
    "full_page_writes": "off",
    # Log every statement, so the search for logged secrets also covers the SQL that PostgreSQL received.
    "log_statement": "all",
}


class Postgres:
    """One server on 127.0.0.1 without passwords; its databases survive stop, kill and start."""

    @classmethod
    def create(cls, log_folder: Path) -> Self:
        """Create a server; skips the test if PostgreSQL is missing. `close` keeps the log for the leak search."""
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        initdb, server = need("initdb", folders=folders), need("postgres", folders=folders)
        return cls(initdb=initdb, server=server, log_folder=log_folder)

    @classmethod
    @contextmanager
    def running(cls, log_folder: Path) -> Iterator[Self]:
        """Run a server until the block ends; close it even if the block raises an exception."""
        instance = cls.create(log_folder)
        try:
            instance.start()
            yield instance
        finally:
            instance.close()

    def __init__(self, *, initdb: str, server: str, log_folder: Path, is_first: bool = False) -> None:
        """If `is_first`, create a new data directory; otherwise copy the data of the test run's first server."""
        self._user = _unprivileged_user()
        self._folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
        self._data = self._folder / "data"
        self.port = free_port()
        if self._user:
            shutil.chown(self._folder, self._user, self._user)
        if is_first:
            self._initialise(initdb)
        else:
            subprocess.run(["cp", "-a", _prepared_data(initdb, server), self._data], check=True)
        self.process = Process(
            [server, *self._arguments()],
            log=log_folder / f"postgres-{self.port}.log",
            env=plain_environment(),
            cwd=self._folder,
            user=self._user,
            death_signal="QUIT",
        )

    def url(self, database: str) -> str:
        return f"postgres://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self.process.start()
        eventually(self._answers, timeout=20, what="PostgreSQL accepts connections")

    def stop(self) -> None:
        """Shut down fast: PostgreSQL closes open connections."""
        self.process.stop(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()

    def prepare(self, folder: Path) -> None:
        """Create the migrated database, stop, and copy the data into this folder."""
        self.start()
        migrate(self.url(self.create_database(name=MIGRATED)), folder)
        self.stop()
        subprocess.run(["cp", "-a", self._data, folder / "data"], check=True)

    def close(self) -> None:
        """Stop the server, and delete its data; the log stays."""
        if self.process.is_running:
            self.process.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def change_setting(self, name: str, value: str) -> None:
        """Change a setting. It takes effect at once, or at the next start if PostgreSQL reads it only then."""
        statement = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")

    def create_database(self, *, name: str = "", template: str = "template1") -> str:
        """Copy the template, which must have no connections, and return the name of the new database."""
        name = name or f"portal_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def _initialise(self, initdb: str) -> None:
        subprocess.run(
            [initdb, "-D", str(self._data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            capture_output=True,
            cwd=self._folder,
            env=plain_environment(),
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
        )
        # Write max_connections to the file, because a value on the command line would override ALTER SYSTEM.
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write("max_connections = 200\n")

    def _arguments(self) -> list[str]:
        places = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        settings = (f"{name}={value}" for name, value in (SETTINGS | places).items())
        return ["-D", str(self._data), *(part for setting in settings for part in ("-c", setting))]

    def _answers(self) -> bool:
        if not self.process.is_running:
            raise RuntimeError(f"PostgreSQL ended at once:\n{self.process.log_tail()}")
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _prepared_data(initdb: str, server: str) -> Path:
    def make(folder: Path) -> None:
        first = Postgres(initdb=initdb, server=server, log_folder=folder, is_first=True)
        try:
            first.prepare(folder)
        finally:
            first.close()

    return prepared("postgres", make) / "data"


def _unprivileged_user() -> str | None:
    """Return the user to run PostgreSQL as, or None to run it as the current user.

    PostgreSQL refuses to run as root, so for root this is `postgres`, the user of Debian's package.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        give_up("PostgreSQL does not run as root, and there is no user postgres")
    return "postgres"
