from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from integrations.exceptions import PortalError
from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.second_factors import reset_second_factors


class Command(OutletCommand):
    help = "Take a person's second factors and recovery codes away: for the last administrator, who lost a telephone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.act(_reset, options["username"])
        self.stderr.write("Taken away: the password is enough to sign in, and to set up a new one.")


def _reset(username: str, *, actor: Actor) -> None:
    person = User.objects.filter(username=username).first()
    if person is None:
        raise PortalError(f"There is no person with the user name {username!r}.")
    reset_second_factors(person, actor=actor)
