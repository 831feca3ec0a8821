"""A backup of a server under load restores a working portal; steps that could destroy data are refused."""

import io
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.live.callers.clients import authenticate
from tests.live.conftest import NewStack
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import RECORD_INTERVAL, with_constants


class Run(Protocol):
    """Runs a command in this process against a stack's embedded database. Raises the command's CommandError."""

    def __call__(self, stack: Stack, command: str, file: Path, **options: Any) -> None: ...


@pytest.fixture
def run(django_db_blocker: Any) -> Run:
    def run_here(stack: Stack, command: str, file: Path, **options: Any) -> None:
        database = connection.settings_dict
        with django_db_blocker.unblock(), mock.patch.dict(database, NAME=str(database_of(stack))):
            connection.close()
            try:
                call_command(command, str(file), stdout=io.StringIO(), **options)
            finally:
                connection.close()

    return run_here


@pytest.fixture
def stopped(depot: Depot) -> Iterator[Stack]:
    """An installation whose server is stopped."""
    stack = depot.make("serve", is_started=False)
    yield stack
    stack.close()


def test_a_backup_under_write_load_is_complete_and_serves_from_a_new_folder(
    new_stack: NewStack, depot: Depot, tmp_path: Path
) -> None:
    """Uses the commands as an operator types them; the other tests call them in this process."""
    stack, file = new_stack(env=with_constants({RECORD_INTERVAL: 0.05})), tmp_path / "portal.backup"
    outlet = stack.supply_outlet()
    with writing(stack, outlet):
        eventually(lambda: attempts(database_of(stack)) > 20, what="it is written to")
        done = stack.manage("backup", str(file))
        written = attempts(database_of(stack))
        eventually(lambda: attempts(database_of(stack)) > written, what="it is still written to")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 20 < attempts(file) <= written
    later = stack.supply_outlet()
    stack.stop()
    other = depot.make("serve", env={"SECRET_KEY": stack.env["SECRET_KEY"]}, is_started=False)
    database_of(other).unlink()
    done = other.manage("restore", str(file))
    assert done.returncode == 0, done.stderr
    other.start()
    assert authenticate(other, outlet).status_code == 200
    assert authenticate(other, later).status_code == 401
    assert other.rows("PRAGMA journal_mode") == [("wal",)]


def test_a_replaced_database_is_kept(stopped: Stack, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    run(stopped, "backup", file)
    stopped.supply_outlet()
    run(stopped, "restore", file)
    (aside,) = database_of(stopped).parent.glob("portal.sqlite3.before-restore-*Z")
    assert outlets(aside) == 1
    assert outlets(database_of(stopped)) == 0


def test_restore_is_refused_while_a_server_runs_or_may_still_run(new_stack: NewStack, run: Run, tmp_path: Path) -> None:
    stack, file = new_stack(), tmp_path / "portal.backup"
    run(stack, "backup", file)
    before = database_of(stack).stat().st_ino
    with pytest.raises(CommandError, match=str(stack.pid)):
        run(stack, "restore", file)
    stack.kill()
    stack.execute("UPDATE integrations_serverprocess SET heartbeat_at = datetime('now', '+1 hour')")
    with pytest.raises(CommandError, match="A server runs"):
        run(stack, "restore", file)
    assert database_of(stack).stat().st_ino == before
    stack.execute("UPDATE integrations_serverprocess SET heartbeat_at = datetime('now', '-1 hour')")
    run(stack, "restore", file)


def test_a_broken_database_can_be_replaced(stopped: Stack, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    outlet = stopped.supply_outlet()
    run(stopped, "backup", file)
    database_of(stopped).write_bytes(b"this was a database once" * 1000)
    run(stopped, "restore", file)
    stopped.start()
    assert authenticate(stopped, outlet).status_code == 200


def test_a_backup_overwrites_a_file_only_with_force_and_needs_an_existing_folder(
    stopped: Stack, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "portal.backup"
    file.write_text("precious")
    with pytest.raises(CommandError, match="--force"):
        run(stopped, "backup", file)
    assert file.read_text() == "precious"
    run(stopped, "backup", file, force=True)
    assert outlets(file) == 0
    with pytest.raises(CommandError, match="cannot be written"):
        run(stopped, "backup", tmp_path / "missing" / "file")
    assert [each.name for each in tmp_path.iterdir()] == ["portal.backup"], "no incomplete file is left"


@pytest.mark.parametrize("content", [b"no database at all", b"", None])
def test_a_file_that_is_not_a_backup_is_refused_and_changes_nothing(
    stopped: Stack, run: Run, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "portal.backup"
    if content is not None:
        file.write_bytes(content)
    before = database_of(stopped).read_bytes()
    with pytest.raises(CommandError):
        run(stopped, "restore", file)
    assert database_of(stopped).read_bytes() == before


def test_a_backup_by_a_newer_version_is_refused(stopped: Stack, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    run(stopped, "backup", file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('integrations', '9999_x', 'x')")
    with pytest.raises(CommandError, match="newer version"):
        run(stopped, "restore", file)


def test_on_postgresql_the_commands_print_those_of_its_tools_without_the_password(stopped: Stack) -> None:
    stopped.env["DATABASE_URL"] = "postgres://portal:hidden-Passw0rd@127.0.0.1:1/portal"
    made = stopped.manage("backup", "x")
    assert "pg_dump --format=custom" in made.stderr
    done = stopped.manage("restore", "x")
    assert (done.returncode, "pg_restore --clean" in done.stderr) == (1, True)
    assert "hidden" not in made.stderr + done.stderr


def database_of(stack: Stack) -> Path:
    return Path(stack.database_url.removeprefix("sqlite:///"))


def attempts(file: Path) -> int:
    return _count(file, "integrations_authattempt")


def outlets(file: Path) -> int:
    return _count(file, "integrations_outlet")


def _count(file: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


@contextmanager
def writing(stack: Stack, outlet: Credentials) -> Iterator[None]:
    """Authenticate without a pause until the block ends; each attempt adds a row to the database."""
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            authenticate(stack, outlet)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
