"""Code that the commands share. It calls services for the person at the shell, and prints secrets and refusals."""

import getpass
import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from integrations.checks import SETTINGS
from integrations.models import clock
from integrations.services.audit import Actor
from integrations.services.errors import PortalError
from integrations.services.handover.handover import HandOver

Result = TypeVar("Result")


class OutletCommand(BaseCommand):
    """A command that calls services. If a service refuses, the command prints the reason and exits with code 1."""

    requires_migrations_checks = False
    requires_system_checks = [SETTINGS]  # Django's own checks would take a third of the command's time

    def call_service(self, service: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call a service as the person at this shell. Raises CommandError."""
        try:
            clock.compare()  # use the servers' clock, because the command stores times
            return service(*args, **kwargs, actor=shell_actor())
        except PortalError as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(f"The database cannot be used: {error}. If it is new, run manage.py migrate.") from error

    def print_handover(self, handover: HandOver, output: str) -> None:
        """Print the values for PowerEPOS. They include the secret, which is shown only once."""
        if output == "json":
            self.stdout.write(json.dumps(handover.as_wire(), ensure_ascii=False, indent=2))
            return
        for name, value in handover.as_wire().items():
            self.stdout.write(f"{name:<17} {value}")
        self.stderr.write("The secret is shown only once. Enter it in PowerEPOS now.")
        if not settings.IS_PUBLIC_HTTPS:  # PUBLIC_URL may be wrong, because a trial server can use another --port
            self.stderr.write(
                f"The URLs lead to a server at {settings.PUBLIC_URL}. If it has another address, set PUBLIC_URL."
            )


def add_format(parser: CommandParser) -> None:
    """Add --format json|text."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def shell_actor() -> Actor:
    """Return an Actor for the person who runs this command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container, the user id may have no name
        name = "unknown"
    return Actor.shell(name)


def print_api_key(command: BaseCommand, name: str, key: str, output: str) -> None:
    """Print an API key, which is shown only once."""
    if output == "json":
        command.stdout.write(json.dumps({"Name": name, "Key": key}, ensure_ascii=False, indent=2))
        return
    command.stdout.write(f"Name {name}")
    command.stdout.write(f"Key  {key}")
    command.stderr.write("The key is shown only once. Store it where your systems keep their secrets.")
