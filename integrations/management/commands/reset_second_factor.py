from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.people.people import get_person
from integrations.services.people.second_factors import reset_second_factors


class Command(OutletCommand):
    help = "Delete a person's second factors and recovery codes, for example if the last administrator lost a phone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.call_service(_reset, options["username"])
        self.stderr.write("Deleted. The person can sign in with the password only, and set up a new second factor.")


def _reset(username: str, *, actor: Actor) -> None:
    reset_second_factors(get_person(username), actor=actor)
