"""Many outlets from the shell: the same checks, the same words, and a file that only its owner reads."""

import csv
import io
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.management.commands import enable_outlets
from integrations.models import AuditEvent, Integration, Organisation
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk.plan import WorldChanged
from tests.services.bulk.test_bulk import stop_before
from tests.support.factories import BELLA, Enabled, make_organisation

pytestmark = pytest.mark.django_db

FILE = "Organisation,Outlet,POSRemoteID\nOsteria,Garden,R-1\nOsteria,=Cellar,R-2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outlets.csv"
    path.write_text(FILE)
    return path


def run(*args: object) -> tuple[str, str]:
    """Return what the command writes to standard output and to standard error."""
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


def test_the_secrets_go_to_a_new_file_that_only_its_owner_reads(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "secrets.csv"
    assert run(file, "--output", output)[0] == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert output.read_text().count("ONPS-") == 2


def test_an_output_that_is_there_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "secrets.csv"
    output.write_text("precious")
    with pytest.raises(CommandError, match="exists already"):
        run(file, "--output", output)
    assert output.read_text() == "precious"
    assert not Integration.objects.exists()


def test_a_dry_run_says_it_row_by_row_and_does_nothing(file: Path, tmp_path: Path) -> None:
    output, errors = run(file, "--dry-run", "--output", tmp_path / "never.csv")
    assert output.splitlines()[0] == (
        "Row 2: to do: Osteria – Garden: Make the organisation and the outlet, enable it, with a new secret."
    )
    assert "Nothing was done" in errors
    assert not Organisation.objects.exists()
    assert not AuditEvent.objects.exists()
    assert not (tmp_path / "never.csv").exists()


def test_the_dry_run_warns_of_names_that_are_nearly_another_s(file: Path) -> None:
    make_organisation("OSTERIA")
    output, _ = run(file, "--dry-run")
    assert (
        output.count("WARNING: “Osteria” differs from “OSTERIA” only in letter case or accents. Is it the same?") == 2
    )


def test_a_wrong_row_stops_all_and_is_named(file: Path, enabled: Enabled) -> None:
    file.write_text(f"{FILE}{BELLA},New,{enabled.handover.pos_remote_id}\n")
    errors = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("enable_outlets", str(file), stdout=io.StringIO(), stderr=errors)
    assert errors.getvalue().startswith("Row 4: Another outlet's integration has this POSRemoteID")
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_the_same_file_again_does_nothing(file: Path) -> None:
    run(file)
    assert "0 to enable, 1 unchanged" in run(_first_row(file))[1]


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(FILE.encode())))
    assert run("-")[0].count("ONPS-") == 2


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run("/nowhere.csv")


def test_secrets_that_cannot_be_written_leave_nothing_enabled(file: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        run(file, "--output", "/dev/full/x")
    assert not Integration.objects.exists()


def test_what_stops_in_the_middle_says_what_is_done_and_keeps_its_secrets(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enable_outlets, "STEP", 1)
    stop_before(monkeypatch, bulk_enabling, "write", 2, WorldChanged())
    output = tmp_path / "secrets.csv"
    with pytest.raises(CommandError, match="1 of 2 were enabled before"):
        run(file, "--output", output)
    assert output.read_text().count("ONPS-") == 1
    rest, errors = run(file)
    assert rest.count("ONPS-") == 1
    assert "1 to enable, 1 unchanged" in errors


def _first_row(file: Path) -> Path:
    file.write_text("".join(FILE.splitlines(keepends=True)[:2]))
    return file
