import sys
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models.outlet import is_plain
from integrations.services.audit import Actor
from integrations.services.integration.new_outlets import OutletNames, enable_by_name
from integrations.services.outlets import near_names
from integrations.text.characters import normalised_name


class Command(OutletCommand):
    help = "Enable Order N Pay for an outlet and print the values for PowerEPOS. Creates the outlet if needed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="NAME", help="created if it does not exist")
        parser.add_argument("--outlet", required=True, metavar="NAME", help="created if it does not exist")
        parser.add_argument("--pos-remote-id", required=True, metavar="ID", help="the ID that PowerEPOS assigned")
        parser.add_argument("--provider-outlet-id", metavar="ID", help="your own ID; default: a new UUID")
        parser.add_argument(
            "--adopt-secret-stdin",
            action="store_true",
            help="adopt a secret that PowerEPOS already has: the first line of standard input",
        )
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        adopted = sys.stdin.readline().rstrip("\r\n") if options["adopt_secret_stdin"] else None
        for warning in self.call_service(_warnings, options["organisation"], options["outlet"]):
            self.stderr.write(f"WARNING: {warning}")
        names = OutletNames(options["organisation"], options["outlet"], options["provider_outlet_id"])
        handover = self.call_service(
            enable_by_name, names, pos_remote_id=options["pos_remote_id"], adopted_secret=adopted
        )
        self.print_handover(handover, options["format"])


def _warnings(organisation: str, outlet: str, *, actor: Actor) -> list[str]:  # noqa: ARG001  (as call_service calls it)
    if not all(is_plain(normalised_name(each)) for each in (organisation, outlet)):  # the service refuses such a name
        return []
    found = (near_names.warning_about_organisation(organisation), near_names.warning_about_outlet(organisation, outlet))
    return [warning for warning in found if warning]
