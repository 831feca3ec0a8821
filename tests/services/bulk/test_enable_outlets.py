"""enable_outlets has the same checks and messages as the pages, and writes a file that only its owner can read."""

import csv
import io
import itertools
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from integrations.management import secrets_file
from integrations.management.commands import enable_outlets
from integrations.models import AuditEvent, Credential, Integration, Organisation
from integrations.security import secret_digests
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk.plan import RowsChanged
from tests.services.bulk.sheets import stop_before
from tests.support.factories import BELLA, Enabled, make_organisation

pytestmark = pytest.mark.django_db

FILE = "Organisation,Outlet,POSRemoteID\nOsteria,Garden,R-1\nOsteria,=Cellar,R-2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outlets.csv"
    path.write_text(FILE)
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*args: object) -> tuple[str, str]:
    """Return the command's standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command("enable_outlets", *map(str, args), stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def test_the_outlets_are_enabled_and_their_secrets_printed_as_csv(file: Path) -> None:
    output, errors = run(file)
    first, second = csv.DictReader(io.StringIO(output))
    assert first["AuthSecret"].startswith("ONPS-")
    assert second["Outlet"] == "'=Cellar"
    assert "2 to enable, 0 unchanged, 0 wrong. Done." in errors
    assert "ONPS-" not in errors
    assert Integration.objects.count() == 2


def test_the_secrets_are_written_to_a_new_file_that_only_its_owner_can_read(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "secrets.csv"
    assert run(file, "--output", output)[0] == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert output.read_text().count("ONPS-") == 2


def test_an_existing_output_file_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "secrets.csv"
    output.write_text("precious")
    with pytest.raises(CommandError, match="already exists"):
        run(file, "--output", output)
    assert output.read_text() == "precious"
    assert not Integration.objects.exists()


def test_a_dry_run_reports_each_row_and_changes_nothing(file: Path, tmp_path: Path) -> None:
    output, errors = run(file, "--dry-run", "--output", tmp_path / "never.csv")
    assert output.splitlines()[0] == (
        "Row 2: to do: Osteria – Garden: Create the organisation and the outlet, and enable it with a new secret."
    )
    assert "Nothing was changed" in errors
    assert not Organisation.objects.exists()
    assert not AuditEvent.objects.exists()
    assert not (tmp_path / "never.csv").exists()


def test_the_dry_run_warns_of_similar_names(file: Path) -> None:
    make_organisation("OSTERIA")
    output, _ = run(file, "--dry-run")
    assert (
        output.count("WARNING: “Osteria” differs from “OSTERIA” only in letter case or accents. Is it the same?") == 2
    )


def test_a_wrong_row_stops_the_whole_file_and_is_named(file: Path, enabled: Enabled) -> None:
    file.write_text(f"{FILE}{BELLA},New,{enabled.handover.pos_remote_id}\n")
    errors = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("enable_outlets", str(file), stdout=io.StringIO(), stderr=errors)
    assert errors.getvalue().startswith("Row 4: Trattoria Bella – Station has this POSRemoteID")
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_importing_the_same_file_again_changes_nothing(file: Path) -> None:
    run(file)
    assert "0 to enable, 1 unchanged" in run(_first_row(file))[1]


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(FILE.encode())))
    assert run("-")[0].count("ONPS-") == 2


def test_a_missing_file_is_reported_in_one_line() -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run("/nowhere.csv")


def test_secrets_that_cannot_be_written_leave_nothing_enabled(file: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        run(file, "--output", "/dev/full/x")
    assert not Integration.objects.exists()


def test_an_interrupted_command_says_what_is_done_and_keeps_its_secrets(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enable_outlets, "STEP", 1)
    stop_before(monkeypatch, bulk_enabling, "write", 2, RowsChanged())
    output = tmp_path / "secrets.csv"
    with pytest.raises(CommandError, match="1 of 2 were enabled"):
        run(file, "--output", output)
    assert output.read_text().count("ONPS-") == 1
    _, errors = run(file, "--output", output)
    assert "1 to enable, 1 unchanged" in errors
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert [row["Outlet"] for row in rows] == ["Garden", "'=Cellar"]
    for row in rows:
        assert Credential.objects.get(digest__in=secret_digests.keyed_digests(row["AuthSecret"])).is_current


def test_the_next_run_removes_secrets_of_an_uncommitted_batch_from_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enable_outlets, "STEP", 1)
    output, append = tmp_path / "secrets.csv", secrets_file.SecretsFile.append
    batches = itertools.count(1)

    def killed_before_the_commit(self: Any, enabled: Any) -> None:
        append(self, enabled)
        if next(batches) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(secrets_file.SecretsFile, "append", killed_before_the_commit)
    with pytest.raises(KeyboardInterrupt):
        run(file, "--output", output)
    assert output.read_text().count("ONPS-") == 2
    assert Integration.objects.count() == 1
    with output.open("a") as torn:
        torn.write("Osteria,half a li")
    run(file, "--output", output)
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert [row["Outlet"] for row in rows] == ["Garden", "'=Cellar"]
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert Credential.objects.filter(digest__in=secret_digests.keyed_digests(rows[1]["AuthSecret"])).exists()


def test_the_secrets_of_a_batch_are_on_the_disk_before_it_is_committed(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[bool] = []
    depth = len(connection.savepoint_ids)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: flushed.append(len(connection.savepoint_ids) > depth))
    run(file, "--output", tmp_path / "secrets.csv")
    assert flushed[-1]


def test_progress_is_one_line_for_each_batch_without_a_terminal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enable_outlets, "STEP", 1)
    assert run(file)[1].splitlines()[:2] == ["1 of 2 enabled.", "2 of 2 enabled."]


def test_progress_is_a_bar_on_a_terminal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enable_outlets, "STEP", 1)
    terminal = Terminal()
    call_command("enable_outlets", str(file), stdout=io.StringIO(), stderr=terminal)
    errors = terminal.getvalue()
    assert f"\r[{'#' * 20}{' ' * 20}] 1 of 2 enabled" in errors
    assert f"\r[{'#' * 40}] 2 of 2 enabled\n" in errors


def _first_row(file: Path) -> Path:
    file.write_text("".join(FILE.splitlines(keepends=True)[:2]))
    return file
