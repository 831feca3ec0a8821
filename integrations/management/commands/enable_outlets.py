import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from integrations.management.outlet_commands import OutletCommand
from integrations.services import bulk_enabling, bulk_file
from integrations.services.audit import Actor
from integrations.services.bulk_enabling import Enabled, May
from integrations.services.bulk_file import FileRow
from integrations.services.bulk_jobs import result_csv
from integrations.services.bulk_plan import PlannedRow, Verdict, acting, count

SHOWN = {Verdict.ACT: "to do", Verdict.SKIP: "unchanged", Verdict.WRONG: "WRONG"}


class Command(OutletCommand):
    help = (
        "Enable Order N Pay for the outlets of a CSV file, all or none, and write what PowerEPOS must know as CSV. "
        "Exit code 1, and nothing done, when a row is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="CSV with a header; - is standard input")
        parser.add_argument("--dry-run", action="store_true", help="say row by row what would happen, and do nothing")
        parser.add_argument(
            "--output", metavar="FILE", help="write the new secrets there, mode 600; it must not exist. Default: print"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = self.act(_read, options["file"])
        plan = self.act(_check, rows)
        if options["dry_run"]:
            self._print_plan(plan)
        self._refuse_wrong(plan)
        if options["dry_run"] or not acting(plan):
            self.stderr.write(f"{_summary(plan)} Nothing was done.")
            return
        with _sink(options["output"], self.stdout) as sink:
            self.act(_enable, rows, plan, sink=sink, report=self._report(len(acting(plan))))
        self.stderr.write(f"{_summary(plan)} Done. The secrets are shown this once: hand them to PowerEPOS now.")

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
            raise CommandError(f"{_summary(plan)} Nothing was done: correct the file, then run this again.")

    def _report(self, total: int) -> bulk_enabling.Progress:
        """Say how far it is, where somebody watches."""

        def report(prepared: int) -> None:
            if sys.stderr.isatty() and (prepared % 10 == 0 or prepared == total):
                self.stderr.write(f"\rPrepared {prepared:,} of {total:,}", ending="\n" if prepared == total else "")
                self.stderr.flush()

        return report


def _read(file: str, *, actor: Actor) -> list[FileRow]:  # noqa: ARG001  (reading leaves no audit event)
    try:
        if file == "-":
            return bulk_file.read_rows(sys.stdin.buffer.read(settings.BULK_BYTES + 1))
        with Path(file).open("rb") as opened:
            return bulk_file.read_rows(opened.read(settings.BULK_BYTES + 1))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error


def _check(rows: Sequence[FileRow], *, actor: Actor) -> list[PlannedRow]:  # noqa: ARG001
    return bulk_enabling.check(rows, May())


def _enable(
    rows: Sequence[FileRow], plan: Sequence[PlannedRow], *, sink: TextIO, report: bulk_enabling.Progress, actor: Actor
) -> list[Enabled]:
    """Write the secrets before the end of the transaction: outlets whose secrets went nowhere are of no use."""
    prepared = bulk_enabling.prepare(rows, plan, report)
    with transaction.atomic():
        enabled = bulk_enabling.write(rows, prepared, May(), actor=actor)
        try:
            sink.write(result_csv(enabled, "a new secret"))
            sink.flush()
        except OSError as error:
            raise CommandError(f"The secrets cannot be written ({error}); nothing was done.") from error
    return enabled


@contextlib.contextmanager
def _sink(output: str | None, stdout: Any) -> Iterator[TextIO]:
    """Yield where the secrets go; a new file that only its owner may read, taken away again when the act fails."""
    if output is None:
        yield stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{output} exists already: name a new file, so that no secrets are overwritten.") from error
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        Path(output).unlink(missing_ok=True)
        raise


def _summary(plan: Sequence[PlannedRow]) -> str:
    numbers = {words: count(plan, verdict) for verdict, words in SHOWN.items()}
    return f"{numbers['to do']} to enable, {numbers['unchanged']} unchanged, {numbers['WRONG']} wrong."
