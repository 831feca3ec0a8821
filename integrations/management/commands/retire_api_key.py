from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.api_keys.api_keys import get_api_key, retire_api_key
from integrations.services.audit import Actor


class Command(OutletCommand):
    help = "Retire an API key immediately and permanently."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.call_service(_retire, options["name"])
        self.stderr.write("Retired.")


def _retire(name: str, *, actor: Actor) -> None:
    retire_api_key(get_api_key(name), actor=actor)
