from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.integration.enabling import reenable
from integrations.services.outlets.outlets import get_integration


class Command(OutletCommand):
    help = "Enable a disabled integration again. Its POS can connect with its current secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider_outlet_id", metavar="PROVIDER_OUTLET_ID")
        parser.add_argument("--reason", default="", metavar="TEXT", help="recorded in the audit events")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.call_service(_reenable, options["provider_outlet_id"], reason=options["reason"])
        self.stderr.write("Enabled again.")


def _reenable(provider_outlet_id: str, *, reason: str, actor: Actor) -> None:
    reenable(get_integration(provider_outlet_id), reason=reason, actor=actor)
