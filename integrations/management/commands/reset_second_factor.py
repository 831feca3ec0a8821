from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.people.people import get_person
from integrations.services.people.second_factors import reset_second_factors


class Command(OutletCommand):
    help = "Take a person's second factors and recovery codes away: for the last administrator, who lost a telephone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.act(_reset, options["username"])
        self.stderr.write("Taken away: the password is enough to sign in, and to set up a new one.")


def _reset(username: str, *, actor: Actor) -> None:
    reset_second_factors(get_person(username), actor=actor)
