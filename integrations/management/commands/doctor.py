import dataclasses
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.management.outlet_commands import add_format
from portal.operations.doctor import Finding, Level, examine


class Command(BaseCommand):
    help = "Report problems with this installation's configuration and how to solve them. Exit code 1 if there are any."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        findings = examine()
        if options["format"] == "json":
            self.stdout.write(json.dumps([dataclasses.asdict(each) for each in findings], ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(map(_lines, findings)))
        if any(finding.level == Level.WRONG for finding in findings):
            raise SystemExit(1)


def _lines(finding: Finding) -> str:
    word = finding.level.upper() if finding.level == Level.WRONG else finding.level
    first = f"{word:<7} {finding.about}: {finding.what}"
    return f"{first}\n{'':8}To do: {finding.todo}" if finding.todo else first
