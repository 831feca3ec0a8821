from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.integration.enabling import disable
from integrations.services.outlets.outlets import get_integration


class Command(OutletCommand):
    help = "Disable an outlet's integration. This revokes its tokens and closes its POS's connection."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider_outlet_id", metavar="PROVIDER_OUTLET_ID")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="the reason that your colleagues will see")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.call_service(_disable, options["provider_outlet_id"], reason=options["reason"])
        self.stderr.write("Disabled.")


def _disable(provider_outlet_id: str, *, reason: str, actor: Actor) -> None:
    disable(get_integration(provider_outlet_id), reason=reason, actor=actor)
