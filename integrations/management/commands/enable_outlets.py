import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, transaction

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Enabled, May
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.jobs import result_csv
from integrations.services.bulk.plan import STEP, PlannedRow, Verdict, acting, count, steps
from integrations.services.errors import PortalError

SHOWN = {Verdict.ACT: "to do", Verdict.SKIP: "unchanged", Verdict.WRONG: "WRONG"}


class Command(OutletCommand):
    help = (
        "Enable Order N Pay for the outlets of a CSV file, and write what PowerEPOS must know as CSV. Exit code 1, and "
        "nothing done, when a row is wrong. Rows are written 200 at a time. If something stops in the middle, "
        "the message says how many are done, and the same file can be run again."
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
    rows: Sequence[FileRow], plan: Sequence[PlannedRow], *, sink: "Sink", report: bulk_enabling.Progress, actor: Actor
) -> None:
    """Enable in steps, and write the secrets of each before its transaction ends: else nobody could show them again."""
    todo = acting(plan)
    bulk_enabling.verify(rows, todo, May())
    prepared = bulk_enabling.prepare(rows, todo, report)
    try:
        for part in steps(prepared, STEP):
            with transaction.atomic():
                sink.write(bulk_enabling.write(rows, part, May(), actor=actor))
            sink.rows += len(part)
    except (PortalError, DatabaseError, OSError) as error:
        raise CommandError(f"{_reason(error)} {_so_far(sink.rows, len(todo))}") from error


def _reason(error: Exception) -> str:
    return f"The secrets cannot be written ({error})." if isinstance(error, OSError) else str(error)


def _so_far(done: int, total: int) -> str:
    if not done:
        return "Nothing was done."
    return f"{done:,} of {total:,} were enabled before; their secrets are written. Run the same file for the others."


@dataclass
class Sink:
    """Where the secrets go; `rows` are written and committed."""

    file: TextIO
    rows: int = 0

    def write(self, enabled: Sequence[Enabled]) -> None:
        text = result_csv(enabled, "a new secret")
        self.file.write(text.split("\r\n", 1)[1] if self.rows else text)
        self.file.flush()


@contextlib.contextmanager
def _sink(output: str | None, stdout: Any) -> Iterator[Sink]:
    """Yield where the secrets go; a new file that only its owner may read, removed again when no row was done."""
    if output is None:
        yield Sink(stdout)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{output} exists already: name a new file, so that no secrets are overwritten.") from error
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        sink = Sink(file)
        try:
            yield sink
        except BaseException:
            if not sink.rows:
                Path(output).unlink(missing_ok=True)
            raise


def _summary(plan: Sequence[PlannedRow]) -> str:
    numbers = {words: count(plan, verdict) for verdict, words in SHOWN.items()}
    return f"{numbers['to do']} to enable, {numbers['unchanged']} unchanged, {numbers['WRONG']} wrong."
