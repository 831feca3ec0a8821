"""Backs up the embedded database while servers write to it, and restores it. Uses plain files, no Django models."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from integrations.services.errors import PortalError
from portal.operations.disk import flush_folder

SUFFIXES = ("", "-wal", "-shm")  # the files of one SQLite database


class BackupRefused(PortalError):
    message = "No backup was created."


class NotABackup(PortalError):
    message = "The file is not a complete backup of a portal."


def create_backup(database: Path, target: Path, *, overwrite: bool) -> int:
    """Copy a database, even while it is in use, to one file with mode 600. Return the size of that file in bytes.

    The copy is a consistent snapshot, and is checked. The target is complete or not created. Raises BackupRefused.
    """
    if not overwrite and target.exists():
        raise BackupRefused(f"{target} already exists. Choose another name, or add --force.")
    try:
        with _new_file_beside(target) as copy:
            _copy(database, copy)
            # Without a write-ahead log, the copy is a single file, which can be read even in a read-only folder.
            _check_copy(copy, journal="DELETE")
            _put_in_place(copy, target, overwrite=overwrite)
    except OSError as error:
        raise BackupRefused(f"{target} cannot be written: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        raise BackupRefused(f"The database cannot be copied: {error}.") from error
    return target.stat().st_size


def restore(backup: Path, database: Path) -> Path | None:
    """Replace the database with a backup. Return the old database's new path, or None if there was no database.

    No process may use the database during the restore. Raises NotABackup before it changes anything.
    """
    if not backup.is_file():
        raise NotABackup(f"{backup} does not exist or is not a file.")
    try:
        with _new_file_beside(database) as copy:
            _copy(backup, copy)
            _check_copy(copy, journal="WAL")  # migration 0002 sets the same mode
            aside = _move_aside(database)
            _put_in_place(copy, database, overwrite=False)
    except sqlite3.Error as error:
        raise NotABackup(f"{backup} is not a complete backup: {error}.") from error
    return aside


def migrations_of(backup: Path) -> set[tuple[str, str]]:
    """Return the migrations that were applied to a backed-up database. Raises NotABackup."""
    try:
        with closing(_opened(backup)) as connection:
            return set(connection.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.Error as error:
        raise NotABackup(f"{backup} is not a backup of a portal: {error}.") from error


def users_of(database: Path) -> set[int]:
    """Return the ids of the processes that have the database open, as far as this user can see them (Linux)."""
    names = {str(database.resolve()) + suffix for suffix in SUFFIXES}
    return {int(link.parts[2]) for link in Path("/proc").glob("[0-9]*/fd/*") if _target_of(link) in names} - {
        os.getpid()
    }


@contextmanager
def _new_file_beside(target: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # creates the file with mode 600
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for suffix in SUFFIXES:
            Path(name + suffix).unlink(missing_ok=True)


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=20)


def _copy(source: Path, target: Path) -> None:
    # Copy in one step. A copy in several steps would restart at each write by another process, and never end under
    # load. With a write-ahead log, writers do not wait for the copy.
    with closing(_opened(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


def _check_copy(file: Path, *, journal: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
        connection.execute("SELECT 1 FROM integrations_integration LIMIT 1")
        connection.execute(f"PRAGMA journal_mode={journal}")
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _put_in_place(copy: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        copy.replace(target)
    else:
        target.hardlink_to(copy)  # fails if another process has just created the file
    flush_folder(target.parent)


def _move_aside(database: Path) -> Path | None:
    aside = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in SUFFIXES:
        old = Path(f"{database}{suffix}")
        if old.exists():
            old.rename(f"{aside}{suffix}")
    return aside if aside.exists() else None


def _target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
