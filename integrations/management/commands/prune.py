import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services.audit import Actor
from integrations.services.retention import retention


class Command(OutletCommand):
    help = (
        "Delete all records that are older than KEEP_PAYLOAD_DAYS, KEEP_REQUEST_DAYS, KEEP_CONNECTION_DAYS and "
        "KEEP_AUDIT_DAYS allow. Servers do this automatically, and may keep running."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="print how many records are due; delete nothing")
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        counts = self.call_service(_due) if is_dry else self.call_service(retention.prune_all, report=self._report)
        if options["format"] == "json":
            self.stdout.write(json.dumps({"dry_run": is_dry, "pruned": counts}))
            return
        for kind in RecordKind:
            self.stdout.write(_count_line(kind, counts))
        if is_dry:
            self.stderr.write("Nothing was deleted. The numbers show what would be deleted.")

    def _report(self, kind: RecordKind, done: int, planned: int) -> None:
        """Show the progress if standard error is a terminal."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r{kind.words}: {done:,} of {planned:,}", ending="\n" if done >= planned else "")
            self.stderr.flush()


def _due(*, actor: Actor) -> dict[RecordKind, int]:  # noqa: ARG001  (reading leaves no audit event)
    return retention.due(shared_now())


def _count_line(kind: RecordKind, counts: Mapping[RecordKind, int]) -> str:
    kept = "" if retention.limit(kind, shared_now()) else "  kept for ever"
    return f"{kind.words:<32}{counts[kind]:>12,}{kept}"
