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
        "Delete the records that are older than KEEP_PAYLOAD_DAYS, KEEP_REQUEST_DAYS, KEEP_CONNECTION_DAYS and "
        "KEEP_AUDIT_DAYS say, until none is left. Servers do the same by themselves, and may run meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say how much it would be, and delete nothing")
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        counts = self.act(_look) if is_dry else self.act(retention.prune_all, report=self._report)
        if options["format"] == "json":
            self.stdout.write(json.dumps({"dry_run": is_dry, "pruned": counts}))
            return
        for kind in RecordKind:
            self.stdout.write(_line(kind, counts))
        if is_dry:
            self.stderr.write("Nothing was deleted: this is what would be.")

    def _report(self, kind: RecordKind, done: int, planned: int) -> None:
        """Say how far it is, where somebody watches."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r{kind.words}: {done:,} of {planned:,}", ending="\n" if done >= planned else "")
            self.stderr.flush()


def _look(*, actor: Actor) -> dict[RecordKind, int]:  # noqa: ARG001  (looking leaves no audit event)
    return retention.due(shared_now())


def _line(kind: RecordKind, counts: Mapping[RecordKind, int]) -> str:
    kept = "" if retention.limit(kind, shared_now()) else "  kept for ever"
    return f"{kind.words:<32}{counts[kind]:>12,}{kept}"
