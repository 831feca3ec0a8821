import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, transaction

from integrations.management.outlet_commands import OutletCommand
from integrations.management.secrets_file import SecretsFile, open_secrets
from integrations.services.audit import Actor
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Permissions
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import STEP, PlannedRow, Verdict, acting, count, steps
from integrations.services.errors import PortalError

SHOWN = {Verdict.ACT: "to do", Verdict.SKIP: "unchanged", Verdict.WRONG: "WRONG"}
BAR = 40  # characters
Report = Callable[[int, int], None]


class Command(OutletCommand):
    help = (
        "Enable Order N Pay for the outlets of a CSV file, and write the values for PowerEPOS as CSV. If any row is "
        "wrong, nothing is done and the exit code is 1. The file may have any number of rows; they are committed "
        f"{STEP} at a time. After an interruption, run the same command again: finished rows do not change, and the "
        "secrets of the other rows are appended to the output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="CSV with a header; - is standard input")
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would happen to each row, without changes"
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="write the new secrets to this file (mode 600), new or of an interrupted run; default: print",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = self.call_service(_read_rows, options["file"])
        plan = self.call_service(_plan_rows, rows)
        if options["dry_run"]:
            self._print_plan(plan)
        self._refuse_wrong(plan)
        if options["dry_run"] or not acting(plan):
            self.stderr.write(f"{_summary(plan)} Nothing was changed.")
            return
        with open_secrets(options["output"], self.stdout) as secrets:
            self.call_service(_enable, rows, plan, secrets=secrets, report=self._report)
        self.stderr.write(f"{_summary(plan)} Done. The secrets are shown only once. Enter them in PowerEPOS now.")

    def _print_plan(self, plan: Sequence[PlannedRow]) -> None:
        for row in plan:
            warning = f" WARNING: {row.warning}" if row.warning else ""
            outlet = f"{row.organisation} – {row.outlet}"
            self.stdout.write(f"Row {row.number}: {SHOWN[row.verdict]}: {outlet}: {row.words}{warning}")

    def _refuse_wrong(self, plan: Sequence[PlannedRow]) -> None:
        wrong = [row for row in plan if row.verdict is Verdict.WRONG]
        for row in wrong:
            self.stderr.write(f"Row {row.number}: {row.words}")
        if wrong:
            raise CommandError(f"{_summary(plan)} Nothing was changed. Correct the file, then run this again.")

    def _report(self, done: int, total: int) -> None:
        """Show the progress: a bar on a terminal, otherwise one line for each batch."""
        words = f"{done:,} of {total:,} enabled"
        if not self.stderr.isatty():
            self.stderr.write(f"{words}.")
            return
        filled = BAR * done // total
        self.stderr.write(f"\r[{'#' * filled:<{BAR}}] {words}", ending="\n" if done == total else "")
        self.stderr.flush()


def _read_rows(file: str, *, actor: Actor) -> list[FileRow]:  # noqa: ARG001  (reading leaves no audit event)
    try:
        return bulk_file.read_rows(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error


def _plan_rows(rows: Sequence[FileRow], *, actor: Actor) -> list[PlannedRow]:  # noqa: ARG001
    return bulk_enabling.check(rows, Permissions())


def _enable(
    rows: Sequence[FileRow], plan: Sequence[PlannedRow], *, secrets: SecretsFile, report: Report, actor: Actor
) -> None:
    """Enable the outlets in batches. The secrets of each batch are on disk before its transaction is committed."""
    todo, done = acting(plan), 0
    by_number = {row.number: row for row in rows}
    try:
        for part in steps(todo, STEP):
            own = [by_number[planned.number] for planned in part]
            new = bulk_enabling.prepare(own, part)
            with transaction.atomic():
                secrets.append(bulk_enabling.write(own, part, new, Permissions(), actor=actor))
            done += len(part)
            report(done, len(todo))
    except (PortalError, DatabaseError, OSError) as error:
        raise CommandError(f"{_reason(error)} {_so_far(done, len(todo))}") from error


def _reason(error: Exception) -> str:
    return f"The secrets cannot be written ({error})." if isinstance(error, OSError) else str(error)


def _so_far(done: int, total: int) -> str:
    if not done:
        return "Nothing was changed."
    return f"{done:,} of {total:,} were enabled, and their secrets are written. Run the same file again for the others."


def _summary(plan: Sequence[PlannedRow]) -> str:
    numbers = {words: count(plan, verdict) for verdict, words in SHOWN.items()}
    return f"{numbers['to do']} to enable, {numbers['unchanged']} unchanged, {numbers['WRONG']} wrong."
