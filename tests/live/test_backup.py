"""A backup made of a server under load brings back a portal that serves; what could destroy data is refused."""

import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.live.clients import authenticate
from tests.live.conftest import NewStack
from tests.live.servers import Credentials, Stack
from tests.live.waiting import eventually


def test_a_backup_under_write_load_is_whole_and_serves_in_a_new_folder(new_stack: NewStack, tmp_path: Path) -> None:
    stack, file = new_stack(env={"RECORD_INTERVAL": "0.05"}), tmp_path / "portal.backup"
    outlet = stack.supply_outlet()
    with writing(stack, outlet):
        eventually(lambda: attempts(database_of(stack)) > 20, what="it is written to")
        done = stack.manage("backup", str(file))
        written = attempts(database_of(stack))
        eventually(lambda: attempts(database_of(stack)) > written, what="it is still written to")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 20 < attempts(file) <= written
    other = stopped(new_stack, stack)
    shutil.rmtree(other.log_path.parent / "demo", ignore_errors=True)
    database_of(other).unlink()
    assert other.manage("restore", str(file)).returncode == 0
    other.start()
    assert authenticate(other, outlet).status_code == 200
    assert other.rows("PRAGMA journal_mode") == [("wal",)]


def test_what_is_replaced_is_kept_aside(new_stack: NewStack, tmp_path: Path) -> None:
    stack, file = new_stack(), tmp_path / "portal.backup"
    assert stack.manage("backup", str(file)).returncode == 0
    later = stack.supply_outlet()
    stack.stop()
    done = stack.manage("restore", str(file))
    assert done.returncode == 0, done.stderr
    (aside,) = database_of(stack).parent.glob("portal.sqlite3.before-restore-*Z")
    assert outlets(aside) == 1
    assert outlets(database_of(stack)) == 0
    stack.start()
    assert authenticate(stack, later).status_code == 401


def test_nothing_is_restored_while_a_server_runs_or_may_still_run(new_stack: NewStack, tmp_path: Path) -> None:
    stack, file = new_stack(env={"LEASE_SECONDS": "3"}), tmp_path / "portal.backup"
    stack.manage("backup", str(file))
    before = database_of(stack).stat().st_ino
    done = stack.manage("restore", str(file))
    assert (done.returncode, str(stack.pid) in done.stderr) == (1, True)
    stack.kill()
    stack.execute("UPDATE integrations_serverprocess SET heartbeat_at = datetime('now', '+1 hour')")
    assert "A server runs" in stack.manage("restore", str(file)).stderr
    assert database_of(stack).stat().st_ino == before
    stack.execute("UPDATE integrations_serverprocess SET heartbeat_at = datetime('now', '-1 hour')")
    assert stack.manage("restore", str(file)).returncode == 0


def test_a_broken_database_can_be_replaced(new_stack: NewStack, tmp_path: Path) -> None:
    stack, file = new_stack(), tmp_path / "portal.backup"
    outlet = stack.supply_outlet()
    stack.manage("backup", str(file))
    stack.stop()
    database_of(stack).write_bytes(b"this was a database once" * 1000)
    done = stack.manage("restore", str(file))
    assert done.returncode == 0, done.stderr
    stack.start()
    assert authenticate(stack, outlet).status_code == 200


def test_a_backup_is_never_overwritten_unasked_and_never_made_where_it_cannot_be(
    new_stack: NewStack, tmp_path: Path
) -> None:
    stack, file = new_stack(), tmp_path / "portal.backup"
    file.write_text("precious")
    done = stack.manage("backup", str(file))
    assert (done.returncode, "--force" in done.stderr) == (1, True)
    assert file.read_text() == "precious"
    assert stack.manage("backup", "--force", str(file)).returncode == 0
    assert outlets(file) == 0
    assert "cannot be written" in stack.manage("backup", str(tmp_path / "missing" / "file")).stderr
    assert [each.name for each in tmp_path.iterdir()] == ["portal.backup"], "nothing half-made is left"


@pytest.mark.parametrize("content", [b"no database at all", b"", None])
def test_what_is_no_backup_is_refused_and_nothing_is_touched(
    new_stack: NewStack, tmp_path: Path, content: bytes | None
) -> None:
    stack = stopped(new_stack)
    file = tmp_path / "portal.backup"
    if content is not None:
        file.write_bytes(content)
    before = database_of(stack).read_bytes()
    done = stack.manage("restore", str(file))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert database_of(stack).read_bytes() == before


def test_a_backup_by_a_newer_version_is_refused(new_stack: NewStack, tmp_path: Path) -> None:
    stack, file = new_stack(), tmp_path / "portal.backup"
    stack.manage("backup", str(file))
    stack.stop()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('integrations', '9999_x', 'x')")
    assert "newer version" in stack.manage("restore", str(file)).stderr


def test_on_postgres_the_commands_name_its_own_tools_without_the_password(new_stack: NewStack) -> None:
    stack = new_stack(database="postgres")
    assert "pg_dump --format=custom" in stack.manage("backup", "x").stderr
    done = stack.manage("restore", "x")
    assert (done.returncode, "pg_restore --clean" in done.stderr) == (1, True)


def stopped(new_stack: NewStack, like: Stack | None = None) -> Stack:
    stack = new_stack(env={"SECRET_KEY": like.env["SECRET_KEY"]} if like else None)
    stack.stop()
    return stack


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
    """Authentications without a pause: each is a row."""
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
